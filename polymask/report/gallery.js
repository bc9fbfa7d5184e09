// Cards of all images, drawn when they come into view; the legend; what is searched and sorted.
const gallery = { cards: new Map(), visible: new Set(), rows: [], order: [] };
const ORDERS = {
  conflict: (a, b) => b.contested - a.contested || a.at - b.at,
  source: (a, b) => a.at - b.at,
  name: (a, b) => a.name.localeCompare(b.name, "en", { numeric: true }),
  rare: (a, b) => rarity(a) - rarity(b) || a.at - b.at,
  instances: (a, b) => b.shapes.length - a.shapes.length || a.at - b.at,
  differing: (a, b) => b.differing - a.differing || a.at - b.at,
};
const imagesOf = new Map();
const rarity = (shot) => Math.min(...labelsOf(shot).map((place) => imagesOf.get(place)), 1e9);

const watcher = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    if (isIntersecting) {
      gallery.visible.add(target);
      refreshCard(target);
    } else {
      gallery.visible.delete(target);
    }
  }
}, { rootMargin: "200px" });

function refreshCard(card) {
  drawThumbnail(card.querySelector("canvas"), card.shot).then(() => card.classList.add("drawn"));
}

function chip(text, kind = "") {
  return element("span", { className: `chip ${kind}`, textContent: text });
}

function cardOf(shot) {
  const ratio = `${shot.w} / ${shot.h}`;
  const canvas = element("canvas", { width: 4, height: Math.max(1, Math.round((4 * shot.h) / shot.w)), "aria-hidden": "true" });
  canvas.style.aspectRatio = ratio;
  const chips = element("span", { className: "chips" },
    chip(data.counted ? plural(shot.shapes.length, "instance") : plural(labelsOf(shot).length, "label")),
    shot.contested ? chip(`${number(shot.contested)} px contested`, "warn") : "",
    shot.differing ? chip(`${number(shot.differing)} px differ`, "warn") : "",
    shot.findings.length ? chip(plural(shot.findings.length, "finding"), "note") : "",
    shot.why && shot.why !== "conflict" ? chip(shot.why) : "");
  const card = element("button", { className: "card", type: "button", shot },
    element("span", { className: "frame" }, canvas),
    element("span", { className: "title", textContent: shot.name, title: shot.name }), chips);
  card.setAttribute("aria-label", describe(shot));
  card.addEventListener("click", () => showShot(gallery.order, gallery.order.indexOf(shot)));
  return card;
}

function matches(shot, words, place) {
  const name = shot.name.toLowerCase();
  if (place !== "" && !labelsOf(shot).includes(Number(place))) return false;
  return words.every((word) => name.includes(word) || labelsOf(shot).some((at) => data.labels[at].name.toLowerCase().includes(word)));
}

function arrange() {
  const words = $("search").value.toLowerCase().split(/\s+/).filter(Boolean);
  gallery.order = data.shots.filter((shot) => matches(shot, words, $("with-label").value)).sort(ORDERS[$("order").value]);
  const cards = gallery.order.map((shot) => {
    if (!gallery.cards.has(shot)) gallery.cards.set(shot, cardOf(shot));
    return gallery.cards.get(shot);
  });
  watcher.disconnect();
  gallery.visible.clear();
  $("cards").replaceChildren(...cards.map((card) => element("li", {}, card)));
  cards.forEach((card) => watcher.observe(card));
  $("found").textContent = `${number(cards.length)} of ${plural(data.shots.length, "image")}`;
}

function startLegend() {
  const used = [...imagesOf.keys()].sort((a, b) => imagesOf.get(b) - imagesOf.get(a) || a - b);
  gallery.rows = used.map((place) => switchFor(place, number(imagesOf.get(place))));
  document.querySelector(".side").open = !matchMedia("(max-width: 760px)").matches;
  $("legend").replaceChildren(...gallery.rows);
  $("with-label").append(...[...used].sort((a, b) => data.labels[a].name.localeCompare(data.labels[b].name, "en"))
    .map((place) => element("option", { value: place, textContent: data.labels[place].name })));
  $("all").addEventListener("click", () => setAll(used, true));
  $("none").addEventListener("click", () => setAll(used, false));
  $("palette").value = state.palette;
  $("palette").addEventListener("change", () => {
    state.palette = $("palette").value;
    changed();
  });
}

let refreshing = 0;
function refreshGallery() {
  gallery.rows.forEach((row) => row.refresh());
  document.querySelectorAll(".swatch[data-place]").forEach((swatch) => {
    swatch.style.background = colorOf(Number(swatch.dataset.place));
  });
  cancelAnimationFrame(refreshing);
  refreshing = requestAnimationFrame(() => gallery.visible.forEach(refreshCard));
}

function startGallery() {
  for (const shot of data.shots) {
    for (const place of labelsOf(shot)) imagesOf.set(place, (imagesOf.get(place) || 0) + 1);
  }
  if (!data.shots.some((shot) => shot.differing)) document.querySelector("option[value=differing]").remove();
  if (!data.counted) document.querySelectorAll("option[value=instances], option[value=conflict]").forEach((option) => option.remove());
  startLegend();
  for (const id of ["search", "order", "with-label"]) $(id).addEventListener("input", arrange);
  state.listeners.add(refreshGallery);
  refreshGallery();
  arrange();
}
