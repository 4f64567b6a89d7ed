// Renders the OpenAPI document.
globalThis.SwaggerUIBundle({
  url: `${document.documentElement.dataset.base ?? ""}/openapi.json`,
  dom_id: "#docs",
  deepLinking: true,
  validatorUrl: null,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
});
