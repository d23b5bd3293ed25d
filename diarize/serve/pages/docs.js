// The interface's description, shown from /openapi.json: nothing is loaded from elsewhere.

function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

function fields(operation) {
  const body = operation.requestBody?.content ?? {};
  const schema = Object.values(body)[0]?.schema ?? {};
  const rows = (operation.parameters ?? []).map((one) => [one.name, one.schema, one.required, one.description]);
  for (const [name, one] of Object.entries(schema.properties ?? {})) {
    rows.push([name, one, (schema.required ?? []).includes(name), one.description]);
  }
  if (!rows.length) return "";
  return make("dl", {}, ...rows.flatMap(([name, one, required, text]) => {
    const kind = one?.enum ? one.enum.join(", ") : one?.format === "binary" ? "file" : [one?.type ?? ""].flat().join(", ");
    return [make("dt", { textContent: name }), make("dd", { textContent: [kind, required ? "required" : "", text ?? ""].filter(Boolean).join(" · ") })];
  }));
}

document.getElementById("base").textContent = `${location.origin}/v1`;
const api = await (await fetch("/openapi.json")).json();
for (const [path, methods] of Object.entries(api.paths)) {
  for (const [method, operation] of Object.entries(methods)) {
    document.getElementById("routes").append(make("details", {},
      make("summary", {}, make("b", { textContent: method.toUpperCase() }), make("code", { textContent: path }),
        make("span", { textContent: operation.summary ?? "" })), fields(operation)));
  }
}
