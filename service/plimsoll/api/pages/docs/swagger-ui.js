// Starts Swagger UI. A server with a key file describes its models to those who show a key, so the document is read again
// once somebody has.
import { complain, openapi } from "./document.js";

const withKey = () => ({
  statePlugins: {
    auth: {
      wrapActions: {
        authorize: (authorize, system) => async (given) => {
          authorize(given);
          const [{ value }] = Object.values(given);
          system.specActions.updateSpec(JSON.stringify(await openapi({ "X-API-Key": value })));
        },
      },
    },
  },
});

openapi()
  .then((spec) =>
    SwaggerUIBundle({
      spec,
      domNode: document.querySelector("main"),
      deepLinking: true,
      displayRequestDuration: true,
      plugins: [withKey],
      validatorUrl: null, // of another origin
    }),
  )
  .catch(complain);
