// Elements without templates: nothing here takes markup as text, so no text of a user, a model or a file can become
// any.

const SVG = "http://www.w3.org/2000/svg";

function append(parent, children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false || child === true) continue;
    parent.append(child instanceof Node ? child : String(child));
  }
  return parent;
}

function set(element, name, value) {
  if (value === null || value === undefined) return;
  if (name.startsWith("aria-")) element.setAttribute(name, String(value));
  else if (value === false) return;
  else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
  else if (name === "class")
    element.setAttribute("class", Array.isArray(value) ? value.filter(Boolean).join(" ") : value);
  else if (name === "style") for (const [key, what] of Object.entries(value)) element.style.setProperty(key, what);
  else if (name === "dataset") Object.assign(element.dataset, value);
  else if (name === "value" || name === "checked" || name === "selected" || name === "indeterminate")
    element[name] = value;
  else element.setAttribute(name, value === true ? "" : value);
}

function build(element, props, children) {
  const isProps = props && typeof props === "object" && !(props instanceof Node) && !Array.isArray(props);
  append(element, isProps ? children : [props, ...children]);
  // Behind the children: a select takes a value only once it has the option.
  if (isProps) for (const [name, value] of Object.entries(props)) set(element, name, value);
  return element;
}

/** h("p", {class: "note"}, "text", node): an element. Without properties children may come at once. */
export const h = (name, props, ...children) => build(document.createElement(name), props, children);

/** The same of SVG. */
export const svg = (name, props, ...children) => build(document.createElementNS(SVG, name), props, children);

export function replace(parent, ...children) {
  parent.replaceChildren();
  return append(parent, children);
}

let last = 0;
/** An id that no other element of this page has. */
export const unique = (stem) => `${stem}-${++last}`;

/** Says a short text to screen readers, without moving the focus. */
export function announce(text) {
  const region = document.getElementById("announcer");
  if (region) region.textContent = text;
}
