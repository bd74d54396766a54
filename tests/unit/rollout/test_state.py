from __future__ import annotations

from dataclasses import replace

import pytest
from plimsoll.errors import OperatorError
from plimsoll.rollout.state import ChangedByOthers, Progress, Record, RecordStore

from tests.doubles.rollout_session import RECORD, Session


def recorded() -> tuple[Session, Record]:
    session = Session()
    plan, revision = session.planning()()
    record = Record("x", plan, revision, weight=5, counting_from=100.0)
    RecordStore(session.cluster, RECORD).write(record)
    return session, record


def test_a_record_is_read_as_it_was_written() -> None:
    session, record = recorded()
    stored = RecordStore(session.cluster, RECORD).read()
    assert stored is not None
    assert (stored.record, stored.wish) == (record, None)


def test_two_drivers_cannot_both_write() -> None:
    session, record = recorded()
    first, second = RecordStore(session.cluster, RECORD), RecordStore(session.cluster, RECORD)
    first.read()
    second.read()
    first.write(record.closed(200.0))
    with pytest.raises(ChangedByOthers, match="another driver has written ConfigMap plimsoll-rollout"):
        second.write(record.closed(300.0))


def test_a_wish_that_arrives_in_between_stays_until_it_is_done() -> None:
    session, record = recorded()
    driver = RecordStore(session.cluster, RECORD)
    driver.read()
    RecordStore(session.cluster, RECORD).leave_wish("abort")
    driver.write(record.closed(200.0))
    stored = driver.read()
    assert stored is not None
    assert (stored.wish, stored.record) == ("abort", record.closed(200.0))
    driver.write(record, keep_wish=False)
    after = driver.read()
    assert after is not None
    assert after.wish is None


def test_only_the_wish_that_was_read_is_removed() -> None:
    session, record = recorded()
    driver, person = RecordStore(session.cluster, RECORD), RecordStore(session.cluster, RECORD)
    person.leave_wish("step")
    driver.read()
    person.leave_wish("abort")
    driver.write(record.closed(200.0), keep_wish=False)
    after = driver.read()
    assert after is not None
    assert (after.wish, after.record) == ("abort", record.closed(200.0))


@pytest.mark.parametrize(("progress", "position"), [("watching", 2), ("waiting", None)])
def test_a_wish_names_the_stage_that_was_watched(progress: Progress, position: int | None) -> None:
    session, record = recorded()
    driver = RecordStore(session.cluster, RECORD)
    driver.read()
    driver.write(replace(record, position=2, progress=progress))
    RecordStore(session.cluster, RECORD).leave_wish("step")
    stored = RecordStore(session.cluster, RECORD).read()
    assert stored is not None
    assert (stored.wish, stored.wished_at) == ("step", position)


def test_a_period_ends_once_and_never_before_it_began() -> None:
    _, record = recorded()
    assert [(period.start_seconds, period.end_seconds, period.weight) for period in record.periods_until(160.0)] == [
        (100.0, 160.0, 0.05)
    ]
    assert record.closed(160.0).closed(200.0) == record.closed(160.0)
    assert record.closed(90.0).periods == ()


def test_a_wish_without_a_rollout_is_refused() -> None:
    with pytest.raises(OperatorError, match="no rollout is under way"):
        RecordStore(Session().cluster, RECORD).leave_wish("step")


@pytest.mark.parametrize("written", ["", "{}", '{"format": 2}'])
def test_a_record_that_cannot_be_read_is_refused_with_the_next_step(written: str) -> None:
    session, _ = recorded()
    session.cluster.stored["configmap", RECORD]["data"] = {"rollout.json": written}
    with pytest.raises(
        OperatorError, match=r"holds no record that this version of Plimsoll reads.*delete the ConfigMap"
    ):
        RecordStore(session.cluster, RECORD).read()
