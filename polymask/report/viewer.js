// The dialog around the stage: pointers, keys, the image's labels, conflicts and findings.
const viewer = { list: [], at: 0, rows: [], pointers: new Map(), dragging: null };

function sizeOf(shot) {
  const how = shot.tiles ? "every pixel when you zoom in" : "a higher --max-mb shows every pixel";
  return `${number(shot.w)} × ${number(shot.h)} px${shot.step ? `, mask at 1 : ${shot.step}, ${how}` : ""}`;
}

async function showShot(list, at, contested = false) {
  viewer.list = list;
  viewer.at = (at + list.length) % list.length;
  const shot = list[viewer.at];
  $("viewer-name").textContent = shot.name;
  $("viewer-size").textContent = `${sizeOf(shot)} · ${viewer.at + 1} of ${list.length}`;
  if (!$("viewer").open) $("viewer").showModal();
  const scene = await opened(shot);
  if (viewer.list[viewer.at] !== shot) return;
  stage.scene = scene;
  stage.contested = contested && Boolean(scene.mask.contested);
  fillPanel(shot);
  $("stage").setAttribute("aria-label", `${describe(shot)}. Arrow keys move the pixel cross, plus and minus zoom, 0 fits`);
  tintStage();
  fitStage();
  tellPixel(null);
  $("stage").dataset.ready = shot.name;
}

function describe(shot) {
  const names = labelsOf(shot).map((place) => data.labels[place].name);
  const shown = names.slice(0, 6).join(", ") + (names.length > 6 ? ` and ${names.length - 6} more` : "");
  const count = data.counted ? `${plural(shot.shapes.length, "instance")}${names.length ? " of " : ", "}` : "";
  return `${shot.name}: ${count}${names.length ? shown : "no labels"}`;
}

function fillPanel(shot) {
  const counts = new Map();
  shot.shapes.forEach(([place]) => counts.set(place, (counts.get(place) || 0) + 1));
  viewer.rows = labelsOf(shot).map((place) => {
    const pixels = `${number(shot.pixels[data.labels[place].name] || 0)} px`;
    return switchFor(place, counts.has(place) ? `${plural(counts.get(place), "instance")} · ${pixels}` : pixels);
  });
  $("viewer-labels").replaceChildren(...viewer.rows);
  $("viewer-none").hidden = viewer.rows.length > 0;
  const box = $("show-contested");
  box.checked = stage.contested;
  box.closest("label").hidden = !stage.scene.mask.contested;
  fillList("viewer-changes", (shot.changes || []).map((text) => [text]));
  fillList("viewer-conflicts", shot.conflicts.map(conflictLine));
  fillList("viewer-findings", shot.findings.map(([kind, id, message]) => [kind, `${id && `#${id}: `}${message}`]));
}

function conflictLine([first, second, pixels, won]) {
  const shares = Object.entries(won).map(([name, count]) => `${name} ${number(count)}`);
  return [`${first} / ${second}`, `${number(pixels)} px${shares.length ? `: ${shares.join(", ")}` : ", won by nobody"}`];
}

function fillList(id, lines) {
  const items = lines.map(([head, tail]) => element("li", {}, element("b", { textContent: head }),
    tail ? element("span", { textContent: ` ${tail}` }) : ""));
  $(id).replaceChildren(...items);
  $(id).closest("section").hidden = !items.length;
}

function pinch() {
  const [a, b] = [...viewer.pointers.values()];
  return { x: (a.x + b.x) / 2 - box().left, y: (a.y + b.y) / 2 - box().top, d: Math.hypot(a.x - b.x, a.y - b.y) };
}

function onPointerDown(event) {
  if (event.button) return;
  $("stage").setPointerCapture(event.pointerId);
  viewer.pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
  viewer.moved = 0;
  viewer.dragging = viewer.pointers.size === 2 ? pinch() : null;
}

function onPointerMove(event) {
  const last = viewer.pointers.get(event.pointerId);
  if (!stage.scene) return;
  if (!last) return tellPixel(pixelAt(event.clientX, event.clientY));
  const dx = event.clientX - last.x, dy = event.clientY - last.y;
  viewer.moved += Math.abs(dx) + Math.abs(dy);
  viewer.pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
  if (viewer.pointers.size === 2 && viewer.dragging) {
    const now = pinch();
    stage.x += now.x - viewer.dragging.x;
    stage.y += now.y - viewer.dragging.y;
    zoomStage(now.d / viewer.dragging.d, now.x, now.y);
    viewer.dragging = now;
  } else if (viewer.moved > 4) {
    stage.x += dx;
    stage.y += dy;
    drawStage();
  }
}

function onPointerUp(event) {
  viewer.pointers.delete(event.pointerId);
  if (viewer.moved <= 4 && stage.scene) tellPixel(pixelAt(event.clientX, event.clientY));
}

function dragHandle(event) {
  event.preventDefault();
  event.stopPropagation();
  const handle = $("handle");
  handle.setPointerCapture(event.pointerId);
  const move = (now) => {
    const [from, to] = visibleColumns();
    setSplit((now.clientX - box().left - from) / Math.max(1, to - from));
  };
  handle.addEventListener("pointermove", move);
  handle.addEventListener("pointerup", () => handle.removeEventListener("pointermove", move), { once: true });
}

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

function onStageKey(event) {
  const pixel = stage.scale < TILES_FROM ? stage.scene.shot.step || 1 : 1;
  const far = event.shiftKey ? 10 * pixel : pixel, arrow = ARROWS[event.key];
  const [x, y] = stage.cross
    ? [stage.x + (stage.cross[0] + 0.5) * stage.scale, stage.y + (stage.cross[1] + 0.5) * stage.scale]
    : [box().width / 2, box().height / 2];
  if (arrow) moveCross(arrow[0] * far, arrow[1] * far);
  else if (event.key === "+" || event.key === "=") zoomStage(1.5, x, y);
  else if (event.key === "-") zoomStage(1 / 1.5, x, y);
  else if (event.key === "0") fitStage();
  else return;
  event.preventDefault();
}

function onViewerKey(event) {
  if (event.target.matches("input[type=search], select")) return;
  if (event.key === "n" || event.key === "PageDown") showShot(viewer.list, viewer.at + 1, stage.contested);
  else if (event.key === "p" || event.key === "PageUp") showShot(viewer.list, viewer.at - 1, stage.contested);
  else return;
  event.preventDefault();
}

function startViewer() {
  const area = $("stage");
  area.addEventListener("pointerdown", onPointerDown);
  area.addEventListener("pointermove", onPointerMove);
  area.addEventListener("pointerup", onPointerUp);
  area.addEventListener("pointercancel", onPointerUp);
  area.addEventListener("keydown", onStageKey);
  area.addEventListener("wheel", (event) => {
    event.preventDefault();
    zoomStage(Math.exp(-event.deltaY / 400), event.clientX - box().left, event.clientY - box().top);
  }, { passive: false });
  $("handle").addEventListener("pointerdown", dragHandle);
  $("viewer").addEventListener("keydown", onViewerKey);
  $("split").addEventListener("input", () => setSplit($("split").value / 100));
  $("opacity").addEventListener("input", () => setOpacity(Number($("opacity").value)));
  $("zoom-in").addEventListener("click", () => zoomStage(1.5));
  $("zoom-out").addEventListener("click", () => zoomStage(1 / 1.5));
  $("zoom-fit").addEventListener("click", fitStage);
  $("next").addEventListener("click", () => showShot(viewer.list, viewer.at + 1, stage.contested));
  $("previous").addEventListener("click", () => showShot(viewer.list, viewer.at - 1, stage.contested));
  $("close").addEventListener("click", () => $("viewer").close());
  $("show-contested").addEventListener("change", (event) => {
    stage.contested = event.target.checked;
    drawStage();
  });
  new ResizeObserver(() => stage.scene && $("viewer").open && fitStage()).observe(area);
  state.listeners.add(() => {
    viewer.rows.forEach((row) => row.refresh());
    if (stage.scene && $("viewer").open) tintStage();
  });
}
