// The HTTP interface, to try it.
"use strict";

SwaggerUIBundle({ dom_id: "#api", url: document.getElementById("api").dataset.document, deepLinking: false, validatorUrl: null });
