// The HTTP interface, to try it.
"use strict";

const dark = matchMedia("(prefers-color-scheme: dark)");
const follow = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", follow);
follow();
SwaggerUIBundle({ dom_id: "#api", url: document.getElementById("api").dataset.document, deepLinking: false, validatorUrl: null });
