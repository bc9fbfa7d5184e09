// One image, large: what is left of the slider are polygons, what is right of it is the mask.
const stage = { scene: null, scale: 1, x: 0, y: 0, split: 0.5, cross: null, contested: false, layers: {}, opacity: 0.8, tint: 0 };
const MOST_ZOOM = 64;
const GRID_FROM = 12;

const box = () => $("stage").getBoundingClientRect();
const fitScale = () => {
  const { width, height } = box();
  return Math.min(width / stage.scene.shot.w, height / stage.scene.shot.h) * 0.96;
};

function fitStage() {
  const { width, height } = box();
  stage.scale = Math.max(fitScale(), 1e-3);
  stage.x = (width - stage.scene.shot.w * stage.scale) / 2;
  stage.y = (height - stage.scene.shot.h * stage.scale) / 2;
  drawStage();
}

function zoomStage(factor, x = box().width / 2, y = box().height / 2) {
  const scale = Math.min(MOST_ZOOM, Math.max(fitScale() / 2, stage.scale * factor));
  stage.x = x - (x - stage.x) * (scale / stage.scale);
  stage.y = y - (y - stage.y) * (scale / stage.scale);
  stage.scale = scale;
  drawStage();
}

function tintStage() {
  const { scene } = stage;
  stage.tint++;
  stage.layers = {
    mask: tinted(scene.mask, 255),
    before: scene.before && tinted(scene.before, 255),
    contested: scene.mask.contested && hatched(scene.mask),
  };
  drawStage();
}

// Where the image begins and ends on the stage: the divider moves between the two, whatever the zoom.
function visibleColumns() {
  const { width } = box();
  return [Math.min(width, Math.max(0, stage.x)), Math.max(0, Math.min(width, stage.x + stage.scene.shot.w * stage.scale))];
}

let planned = 0;
function drawStage() {
  cancelAnimationFrame(planned);
  planned = requestAnimationFrame(paintStage);
}

function paintStage() {
  const canvas = $("canvas"), { width, height } = box(), ratio = window.devicePixelRatio || 1;
  if (!stage.scene || !width) return;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  const context = canvas.getContext("2d");
  const [from, to] = visibleColumns();
  const edge = from + stage.split * (to - from);
  paintSide(context, ratio, [0, edge], paintBefore);
  paintSide(context, ratio, [edge, width], (inner) => paintMask(inner, stage.layers.mask, stage.scene.shot.tiles));
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  if (stage.scale >= GRID_FROM) paintGrid(context, width, height);
  if (stage.cross) paintCross(context);
  const handle = $("handle");
  handle.style.left = `${edge}px`;
  $("zoom").textContent = `${Math.round(stage.scale * 100)} %`;
}

function paintSide(context, ratio, [from, to], layer) {
  const { scene, scale, x, y } = stage, { w, h } = scene.shot;
  context.save();
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.beginPath();
  context.rect(from, 0, to - from, box().height);
  context.clip();
  context.translate(x, y);
  context.scale(scale, scale);
  context.imageSmoothingEnabled = scale < 1;
  context.fillStyle = "#6d7178";
  context.fillRect(0, 0, w, h);
  if (scene.picture) {
    context.imageSmoothingEnabled = scale < 4;
    context.drawImage(scene.picture, 0, 0, w, h);
    context.imageSmoothingEnabled = scale < 1;
  }
  layer(context);
  if (stage.contested && stage.layers.contested) context.drawImage(stage.layers.contested, 0, 0, w, h);
  context.restore();
}

function paintMask(context, layer, tiles) {
  const { w, h } = stage.scene.shot;
  context.globalAlpha = stage.opacity;
  context.imageSmoothingEnabled = stage.scale * w < layer.width;
  if (tiles && stage.scale >= TILES_FROM) paintTiles(context, tiles, layer);
  else context.drawImage(layer, 0, 0, w, h);
  context.globalAlpha = 1;
}

function paintBefore(context) {
  if (stage.layers.before) paintMask(context, stage.layers.before, stage.scene.shot.tilesBefore);
  drawShapes(context, stage.scene, 1.8 / stage.scale);
}

function paintGrid(context, width, height) {
  const { scale, x, y, scene } = stage;
  context.strokeStyle = "rgba(127,127,127,.35)";
  context.lineWidth = 1;
  context.beginPath();
  for (let column = Math.max(0, Math.ceil(-x / scale)); column <= scene.shot.w; column++) {
    const at = Math.round(x + column * scale) + 0.5;
    if (at > width) break;
    context.moveTo(at, Math.max(0, y));
    context.lineTo(at, Math.min(height, y + scene.shot.h * scale));
  }
  for (let row = Math.max(0, Math.ceil(-y / scale)); row <= scene.shot.h; row++) {
    const at = Math.round(y + row * scale) + 0.5;
    if (at > height) break;
    context.moveTo(Math.max(0, x), at);
    context.lineTo(Math.min(width, x + scene.shot.w * scale), at);
  }
  context.stroke();
}

function paintCross(context) {
  const { scale, x, y, cross } = stage, side = Math.max(scale, 7);
  const left = x + (cross[0] + 0.5) * scale - side / 2, top = y + (cross[1] + 0.5) * scale - side / 2;
  for (const [color, width] of [["#000", 4], ["#fff", 2]]) {
    context.strokeStyle = color;
    context.lineWidth = width;
    context.strokeRect(left, top, side, side);
  }
}

// Column and row of the pixel at a place of the window, or null outside the image.
function pixelAt(clientX, clientY) {
  const { left, top } = box(), { shot } = stage.scene;
  const column = Math.floor((clientX - left - stage.x) / stage.scale);
  const row = Math.floor((clientY - top - stage.y) / stage.scale);
  return column >= 0 && row >= 0 && column < shot.w && row < shot.h ? [column, row] : null;
}

function claimsAt([column, row]) {
  const [, context] = blank(1, 1), found = [];
  stage.scene.paths.forEach((path, at) => {
    if (context.isPointInPath(path, column + 0.5, row + 0.5, "evenodd")) found.push(stage.scene.shot.shapes[at]);
  });
  return found;
}

function tellPixel(pixel) {
  stage.cross = pixel;
  const out = $("pixel");
  if (!pixel) {
    out.textContent = "Point at a pixel, or move the cross with the arrow keys";
  } else {
    const { mask, before: earlier, shot } = stage.scene;
    const value = valueAt(mask, shot.tiles, pixel);
    const before = earlier ? ` (before: ${valueAt(earlier, shot.tilesBefore, pixel)})` : "";
    const claims = claimsAt(pixel).map(([place, id]) => `${place < 0 ? "?" : data.labels[place].name} #${id}`);
    const claimed = claims.length > 1 ? ` · claimed by ${claims.join(", ")}` : "";
    const [x, y] = pixel;
    out.textContent = `x ${x}, y ${y} · value ${value} · ${nameOfValue(value)}${before}${claimed}`;
  }
  drawStage();
}

function moveCross(dx, dy) {
  const { w, h } = stage.scene.shot;
  const [x, y] = stage.cross || [Math.floor(w / 2) - dx, Math.floor(h / 2) - dy];
  const next = [Math.min(w - 1, Math.max(0, x + dx)), Math.min(h - 1, Math.max(0, y + dy))];
  const { width, height } = box();
  const px = stage.x + (next[0] + 0.5) * stage.scale, py = stage.y + (next[1] + 0.5) * stage.scale;
  if (px < 0 || px > width) stage.x += width / 2 - px;
  if (py < 0 || py > height) stage.y += height / 2 - py;
  tellPixel(next);
}

function setOpacity(percent) {
  stage.opacity = percent / 100;
  $("opacity-value").textContent = `${percent} %`;
  drawStage();
}

function setSplit(share) {
  stage.split = Math.min(1, Math.max(0, share));
  $("split").value = Math.round(stage.split * 100);
  drawStage();
}
