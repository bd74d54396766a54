// The OpenAPI document, of the server that this page came from.
//
// The document names the server as its settings and its proxies know it. This page was reached, so where it lies is right
// also behind a proxy that tells nobody of the prefix that it takes away.
export async function openapi(headers = {}) {
  const answer = await fetch("openapi.json", { headers });
  if (!answer.ok) throw new Error(`openapi.json was answered with ${answer.status}`);
  const described = await answer.json();
  described.servers = [{ url: new URL(".", location.href).pathname.replace(/(?<=.)\/$/, "") }];
  return described;
}

// Shows an error in the place of the page.
export function complain(error) {
  document.querySelector("main").textContent = `The description of the API could not be shown: ${error.message}`;
}
