// Starts ReDoc, without what the Content-Security-Policy forbids: its search, which runs in a worker from a blob: URL, and
// its makers' logo, which comes from their server. The link to them stays.
import { complain, openapi } from "./document.js";

const { get, set } = Object.getOwnPropertyDescriptor(HTMLImageElement.prototype, "src");
Object.defineProperty(HTMLImageElement.prototype, "src", {
  get,
  set(source) {
    const { origin, protocol } = new URL(source, location.href);
    set.call(this, origin === location.origin || protocol === "data:" ? source : "data:,");
  },
});
HTMLImageElement.prototype.setAttribute = function (name, value) {
  if (name === "src") this.src = value;
  else Element.prototype.setAttribute.call(this, name, value);
};

openapi()
  .then((spec) =>
    Redoc.init(
      spec,
      {
        disableSearch: true,
        downloadDefinitionUrl: "openapi.json",
        jsonSamplesExpandLevel: 1, // a row may have thousands of numbers
        nativeScrollbars: true,
        sanitize: true,
      },
      document.querySelector("main"),
    ),
  )
  .catch(complain);
