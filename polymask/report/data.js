"use strict";
// What the page knows, what is switched on, and who wants to hear when that changes.
const data = JSON.parse(document.getElementById("data").textContent);
const state = { palette: data.palette, hidden: new Set(), listeners: new Set() };
const UNKNOWN = "#9a9a9a";
const placeOfValue = new Map(data.labels.map((label, place) => [label.value, place]));
const placeOfName = new Map(data.labels.map((label, place) => [label.name, place]));

const $ = (id) => document.getElementById(id);
const number = (value) => value.toLocaleString("en-US");
const plural = (count, word) => `${number(count)} ${word}${count === 1 ? "" : "s"}`;
const colorOf = (place) => (place < 0 ? UNKNOWN : data.labels[place][state.palette]);
const isShown = (place) => !state.hidden.has(place);
const changed = () => state.listeners.forEach((listener) => listener());

// Text is set as text, never as markup: names come from files.
function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.includes("-") || name === "role" || name === "for") made.setAttribute(name, value);
    else made[name] = value;
  }
  made.append(...children.filter((child) => child !== null && child !== ""));
  return made;
}

function labelsOf(shot) {
  const places = new Set(shot.shapes.map((shape) => shape[0]).filter((place) => place >= 0));
  for (const name of Object.keys(shot.pixels)) places.add(placeOfName.get(name));
  return [...places].sort((a, b) => a - b);
}

function nameOfValue(value) {
  if (placeOfValue.has(value)) return data.labels[placeOfValue.get(value)].name;
  if (value === data.background) return "background";
  return value === data.void ? "void" : "no label";
}

const rgb = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));

// One switch a label, the same in the gallery and in the viewer.
function switchFor(place, note) {
  const box = element("input", { type: "checkbox", checked: isShown(place) });
  box.addEventListener("change", () => {
    if (box.checked) state.hidden.delete(place);
    else state.hidden.add(place);
    changed();
  });
  const swatch = element("span", { className: "swatch", "aria-hidden": "true" });
  swatch.style.background = colorOf(place);
  const name = element("span", { className: "name", textContent: data.labels[place].name });
  const row = element("label", { className: "switch" }, box, swatch, name,
    element("span", { className: "note", textContent: note }));
  row.refresh = () => {
    box.checked = isShown(place);
    swatch.style.background = colorOf(place);
  };
  return row;
}

function setAll(places, shown) {
  places.forEach((place) => (shown ? state.hidden.delete(place) : state.hidden.add(place)));
  changed();
}
