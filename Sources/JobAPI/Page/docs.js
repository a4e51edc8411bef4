// Shows /openapi.json. Every text goes into the page as text: whatever the document holds, nothing of it becomes markup.
"use strict";

const METHODS = ["get", "post", "put", "patch", "delete"];
let api = {};

// An element with its attributes and what is in it: texts, elements, or nothing.
function make(name, attributes, ...content) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {})) {
    if (value !== undefined) element.setAttribute(key, value);
  }
  element.append(...content.flat().filter((part) => part !== undefined && part !== null && part !== ""));
  return element;
}

// `code` of a description as code; everything else as it is.
function prose(text) {
  return String(text || "").split("`").map((part, index) => (index % 2 ? make("code", {}, part) : part));
}

function pretty(value) {
  return typeof value === "string" ? value : JSON.stringify(value, null, 2);
}

// What a reference means; `#/components/…` only.
function resolve(thing) {
  const place = thing && thing.$ref;
  if (typeof place !== "string" || !place.startsWith("#/")) return thing || {};
  const parts = place.slice(2).split("/").map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
  return parts.reduce((found, part) => (found && Object.hasOwn(found, part) ? found[part] : undefined), api) || {};
}

function nameOf(schema) {
  return typeof schema.$ref === "string" ? schema.$ref.split("/").pop() : undefined;
}

// A schema in a few words.
function typeOf(given) {
  const name = nameOf(given);
  const schema = resolve(given);
  if (name) return name;
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.map((word) => (word === null ? "null" : String(word))).join(" | ");
  const some = schema.oneOf || schema.anyOf;
  if (some && !schema.properties) return some.map(typeOf).join(" | ");
  if (schema.type === "array") return `[${typeOf(schema.items || {})}]`;
  const types = [schema.type || "any"].flat().join(" | ");
  const bounds = [
    schema.format, schema.minimum !== undefined && `≥ ${schema.minimum}`, schema.maximum !== undefined && `≤ ${schema.maximum}`,
    schema.minLength > 1 && `at least ${schema.minLength} characters`, schema.maxLength !== undefined && `at most ${schema.maxLength} characters`,
    schema.maxItems !== undefined && `at most ${schema.maxItems}`, schema.default !== undefined && `default ${JSON.stringify(schema.default)}`,
  ];
  return [types, ...bounds.filter(Boolean)].join(", ");
}

// Schemas inside a schema, to look into.
function innerOf(given) {
  const schema = resolve(given);
  if (schema.type === "array" && schema.items) return innerOf(schema.items);
  const choices = schema.properties ? schema.oneOf || [] : [...(schema.oneOf || []), ...(schema.anyOf || [])];
  return { schema, choices: choices.filter(isDeep), all: (schema.allOf || []).filter(isDeep) };
}

function isDeep(given) {
  const inner = innerOf(given);
  return Boolean(inner.schema.properties) || inner.choices.length > 0 || inner.all.length > 0;
}

// Its members; what is inside of those is made when it is opened, so a schema that holds itself does no harm.
function membersOf(given) {
  const { schema, choices, all } = innerOf(given);
  const required = new Set(schema.required || []);
  const rows = Object.entries(schema.properties || {}).map(([name, member]) => {
    const line = [
      make("code", {}, name), " ", make("span", { class: "type" }, typeOf(member)), required.has(name) ? make("span", { class: "must" }, " required") : "",
      " ", ...prose(member.description),
    ];
    return make("li", {}, isDeep(member) ? unfold(line, () => membersOf(member)) : line);
  });
  for (const part of all) rows.push(make("li", {}, unfold(["and ", make("code", {}, nameOf(part) || "these")], () => membersOf(part))));
  for (const part of choices) rows.push(make("li", {}, unfold(["either ", make("code", {}, nameOf(part) || typeOf(part))], () => membersOf(part))));
  return make("ul", { class: "members" }, rows);
}

// Opened by whoever wants to see more.
function unfold(line, content, kind = "schema") {
  const details = make("details", { class: kind }, make("summary", {}, line));
  details.addEventListener("toggle", () => {
    if (details.open && details.children.length === 1) details.append(...[content()].flat());
  });
  return details;
}

function schemaOf(given) {
  const name = nameOf(given);
  return isDeep(given) ? unfold(["Schema ", make("code", {}, name || typeOf(given))], () => membersOf(given)) : make("p", { class: "type" }, typeOf(given));
}

function parametersOf(operation) {
  const rows = (operation.parameters || []).map(resolve).map((one) =>
    make("tr", {}, make("th", { scope: "row" }, make("code", {}, one.name), one.required ? make("span", { class: "must" }, " required") : ""),
      make("td", { class: "type" }, `${one.in}: ${typeOf(one.schema || {})}`), make("td", {}, prose(one.description))));
  if (!rows.length) return [];
  const head = make("thead", {}, make("tr", {}, ["Parameter", "Where and what", "Meaning"].map((word) => make("th", { scope: "col" }, word))));
  return [make("h3", {}, "Parameters"), make("table", {}, head, make("tbody", {}, rows))];
}

function contentOf(content) {
  return Object.entries(content || {}).flatMap(([type, media]) => {
    const examples = media.examples ? Object.entries(media.examples).map(([name, one]) => [name, resolve(one).value]) : [["", media.example]];
    return [
      make("p", { class: "type" }, type), media.schema ? schemaOf(media.schema) : undefined,
      ...examples.filter(([, value]) => value !== undefined).flatMap(([name, value]) => [name ? make("p", {}, make("code", {}, name)) : undefined, make("pre", {}, pretty(value))]),
    ];
  });
}

function bodyOf(operation) {
  const body = resolve(operation.requestBody);
  if (!body.content) return [];
  return [make("h3", {}, body.required ? "Body" : "Body (may be left out)"), ...contentOf(body.content)];
}

function answersOf(operation) {
  const rows = Object.entries(operation.responses || {}).sort().map(([status, given]) => {
    const response = resolve(given);
    const headers = Object.entries(response.headers || {}).map(([name, one]) =>
      make("li", {}, make("code", {}, name), " ", prose(resolve(one).description)));
    return unfold([make("span", { class: "status" }, status), ...prose(response.description)],
      () => [headers.length ? make("ul", { class: "members" }, headers) : undefined, ...contentOf(response.content)].filter(Boolean), "answer");
  });
  return [make("h3", {}, "Answers"), ...rows];
}

// For a shell: single quotes hold everything but themselves.
function quoted(text) {
  return `'${String(text).replaceAll("'", "'\\''")}'`;
}

function curlOf(path, method, operation) {
  const given = (operation.parameters || []).map(resolve);
  const filled = given.filter((one) => one.in === "path").reduce(
    (text, one) => text.replace(`{${one.name}}`, () => encodeURIComponent(one.example === undefined ? one.name : one.example)), path);
  const parts = ["curl", method === "get" ? "" : `-X ${method.toUpperCase()}`, quoted(location.origin + filled)];
  const key = document.getElementById("key").value;
  if ((operation.security || []).length) parts.push("-H " + (key ? quoted(`Authorization: Bearer ${key}`) : '"Authorization: Bearer $KEY"'));
  const [type, media] = Object.entries(resolve(operation.requestBody).content || {})[0] || [];
  if (type === "application/json") parts.push("-H 'Content-Type: application/json'", `-d ${quoted(JSON.stringify(media.example ?? {}))}`);
  else if (type) parts.push("--data-binary @file");
  if (Object.values(operation.responses || {}).some((one) => Object.hasOwn(resolve(one).content || {}, "text/event-stream"))) parts.splice(1, 0, "-N");
  return parts.filter(Boolean).join(" ");
}

function curlBlock(path, method, operation) {
  const line = make("pre", { class: "curl", tabindex: "0" }, curlOf(path, method, operation));
  const button = make("button", { type: "button" }, "Copy");
  button.addEventListener("click", async () => {
    try { await navigator.clipboard.writeText(line.textContent); button.textContent = "Copied"; } catch {
      getSelection().selectAllChildren(line);
      button.textContent = "Selected";
    }
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  });
  line.addEventListener("refresh", () => { line.textContent = curlOf(path, method, operation); });
  return make("div", { class: "copied" }, line, button);
}

function scopesOf(operation) {
  const scopes = (operation.security || []).flatMap((one) => Object.values(one).flat());
  return scopes.length ? `Needs a key with ${scopes.join(" or ")} where the API asks for keys.` : "Needs no key.";
}

function routeOf(path, method, operation) {
  const id = operation.operationId || `${method}-${path}`;
  const summary = make("summary", {}, make("span", { class: `method ${method}` }, method.toUpperCase()), make("span", { class: "path" }, path),
    make("span", { class: "gist" }, operation.summary));
  const details = make("details", { class: "route", id: `route-${id}` }, summary);
  details.addEventListener("toggle", () => {
    if (!details.open || details.children.length > 1) return;
    details.append(make("div", { class: "body" }, make("p", {}, prose(operation.description)), make("p", { class: "type" }, scopesOf(operation)),
      curlBlock(path, method, operation), parametersOf(operation), bodyOf(operation), answersOf(operation)));
  });
  const words = [method, path, id, operation.summary, operation.description, scopesOf(operation), ...(operation.parameters || []).map((one) => resolve(one).name)];
  return { element: details, text: words.join(" ").toLowerCase() };
}

// Sections of routes by their first tag, in the order of the document's tags.
function show(main, nav) {
  const groups = new Map((api.tags || []).map((tag) => [tag.name, { meaning: tag.description, routes: [] }]));
  for (const [path, item] of Object.entries(api.paths || {})) {
    for (const method of METHODS.filter((name) => Object.hasOwn(item, name))) {
      const tag = (item[method].tags || ["Other"])[0];
      if (!groups.has(tag)) groups.set(tag, { routes: [] });
      groups.get(tag).routes.push(routeOf(path, method, item[method]));
    }
  }
  const sections = [...groups].filter(([, group]) => group.routes.length).map(([name, group], index) => {
    const section = make("section", { id: `tag-${index}`, "aria-labelledby": `head-${index}` }, make("h2", { id: `head-${index}` }, name),
      make("p", {}, prose(group.meaning)), group.routes.map((route) => route.element));
    const link = make("a", { href: `#tag-${index}` }, name, make("span", {}, String(group.routes.length)));
    return { section, link, routes: group.routes };
  });
  main.replaceChildren(...sections.map((one) => one.section));
  nav.replaceChildren(...sections.map((one) => one.link));
  return sections;
}

// Every word must be somewhere in the route.
function search(sections, text) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  let count = 0;
  for (const one of sections) {
    let shown = 0;
    for (const route of one.routes) {
      const fits = words.every((word) => route.text.includes(word));
      route.element.hidden = !fits;
      shown += fits ? 1 : 0;
    }
    one.section.hidden = one.link.hidden = shown === 0;
    count += shown;
  }
  document.getElementById("found").value = words.length ? `${count} route${count === 1 ? "" : "s"}` : "";
}

// `#route-submitJob` opens that route; opening one puts it into the address.
function openFromAddress() {
  const element = location.hash.length > 1 ? document.getElementById(decodeURIComponent(location.hash.slice(1))) : null;
  if (element instanceof HTMLDetailsElement) { element.open = true; element.querySelector("summary").focus(); }
  if (element) element.scrollIntoView();
}

function listen(sections) {
  const box = document.getElementById("search");
  box.addEventListener("input", () => search(sections, box.value));
  document.getElementById("key").addEventListener("input", () => {
    for (const line of document.querySelectorAll(".curl")) line.dispatchEvent(new Event("refresh"));
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && !(event.target instanceof HTMLInputElement)) { event.preventDefault(); box.focus(); }
    if (event.key === "Escape" && event.target === box) { box.value = ""; search(sections, ""); }
  });
  addEventListener("hashchange", openFromAddress);
  for (const { routes } of sections) {
    for (const { element } of routes) {
      element.addEventListener("toggle", () => { if (element.open) history.replaceState(null, "", `#${element.id}`); });
    }
  }
}

async function start() {
  const main = document.getElementById("routes");
  try {
    const answer = await fetch("/openapi.json");
    if (!answer.ok) throw new Error(`GET /openapi.json answered ${answer.status}`);
    api = await answer.json();
    const info = api.info || {};
    document.title = `${info.title} API`;
    document.getElementById("title").replaceChildren(String(info.title), make("small", {}, String(info.version)));
    document.getElementById("lead").replaceChildren(...prose(info.description));
    listen(show(main, document.getElementById("tags")));
    openFromAddress();
  } catch (error) {
    main.replaceChildren(make("p", { role: "alert" }, `The document cannot be shown: ${error.message}. Reload the page to try again.`));
  }
}

start();
