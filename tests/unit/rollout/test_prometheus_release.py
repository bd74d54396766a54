from __future__ import annotations

import pytest
from plimsoll.errors import OperatorError
from plimsoll.rollout.history import HistoryUnavailable
from plimsoll.rollout.prometheus_release import ReleaseSeries, parts, require_one_cluster, require_series

from tests.doubles.fake_prometheus import FakePrometheus

SHOP = ReleaseSeries("shop", "prod")


def test_a_release_is_selected_by_its_services_and_namespace() -> None:
    assert SHOP.selector() == 'namespace="prod", service=~"shop-(stable|canary)"'
    assert SHOP.selector("canary") == 'namespace="prod", service=~"shop-(canary)"'
    assert ReleaseSeries("shop", "prod", "eu-1").selector("stable").endswith(', cluster="eu-1"')
    assert [SHOP.track(name) for name in ("shop-canary", "shop-stable")] == ["canary", "stable"]


@pytest.mark.parametrize(
    "name", ["", "Shop", "shop.a", "-shop", "shop-", 'a"b', "a|b", "a\n", "é", "a" * 57, ".*", "a}"]
)
def test_a_name_that_kubernetes_refuses_is_refused(name: str) -> None:
    with pytest.raises(OperatorError, match="is no name of a release"):
        ReleaseSeries(name, "prod")
    if len(name) != 57:
        with pytest.raises(OperatorError, match="is no name of a namespace"):
            ReleaseSeries("shop", name)


@pytest.mark.parametrize("cluster", ['a"', "a b", "a}", "a\\", "a\n"])
def test_a_cluster_that_could_change_a_query_is_refused(cluster: str) -> None:
    with pytest.raises(OperatorError, match="is no name of a cluster"):
        ReleaseSeries("shop", "prod", cluster)


def test_parts_are_told_apart_by_a_label() -> None:
    assert parts({"a": "x", "b": "y"}) == (
        'label_replace(x, "plimsoll_part", "a", "", "") or label_replace(y, "plimsoll_part", "b", "", "")'
    )


def test_one_cluster_is_enough_and_two_are_refused() -> None:
    client = FakePrometheus().client()
    require_one_cluster(client, SHOP, ["one", "one"])
    require_one_cluster(client, SHOP, [])
    with pytest.raises(HistoryUnavailable, match=r"of 2 clusters \(one without a name, two\)"):
        require_one_cluster(client, SHOP, ["", "two"])


def test_a_release_that_is_scraped_is_all_that_is_required() -> None:
    prometheus = FakePrometheus()
    prometheus.add("plimsoll_build_info", lambda _: 1, service="shop-stable")
    require_series(prometheus.client(), SHOP)


def test_a_prometheus_that_knows_many_releases_names_some() -> None:
    prometheus = FakePrometheus()
    for number in range(7):
        prometheus.add("(plimsoll_build_info)", lambda _: 1, namespace=f"n{number}", service="shop-stable")
    prometheus.add("(plimsoll_build_info)", lambda _: 1)
    with pytest.raises(HistoryUnavailable, match="it has n0/shop, n1/shop, n2/shop, n3/shop, n4/shop and 3 more;"):
        require_series(prometheus.client(), SHOP)
