// Images and masks: decoded once, read to the pixel, tinted as the legend says.
const MOST_KEPT = 40;
const MOST_PIXELS_KEPT = 1 << 27;
const kept = new Map();

function loadImage(source) {
  return new Promise((resolve, reject) => {
    const image = new Image();
    image.onload = () => resolve(image);
    image.onerror = () => reject(new Error("an image of this report is damaged"));
    image.src = source;
  });
}

function blank(width, height) {
  const canvas = element("canvas", { width, height });
  return [canvas, canvas.getContext("2d", { willReadFrequently: true })];
}

// Values are red + 256 × green in deep masks, else the gray itself; blue marks contested pixels.
function readMask(image, deep) {
  const w = image.naturalWidth, h = image.naturalHeight;
  const [, context] = blank(w, h);
  context.drawImage(image, 0, 0);
  const pixels = context.getImageData(0, 0, w, h).data;
  const values = new Uint16Array(w * h);
  const contested = deep ? new Uint8Array(values.length) : null;
  for (let i = 0; i < values.length; i++) {
    values[i] = deep ? pixels[4 * i] + 256 * pixels[4 * i + 1] : pixels[4 * i];
    if (contested) contested[i] = pixels[4 * i + 2];
  }
  return { w, h, values, contested };
}

async function decode(shot) {
  const picture = shot.picture ? await loadImage(shot.picture) : null;
  const mask = readMask(await loadImage(shot.mask), shot.deep);
  const before = shot.before ? readMask(await loadImage(shot.before), shot.deepBefore) : null;
  return { shot, picture, mask, before, paths: shot.shapes.map((shape) => new Path2D(shape[2])) };
}

const pixelsKept = () => [...kept.keys()].reduce((sum, { w, h, step = 1 }) => sum + (w * h) / step ** 2, 0);

// The promise is kept, not its result: a shot asked for twice is decoded once.
function opened(shot) {
  if (!kept.has(shot)) {
    kept.set(shot, decode(shot));
    while (kept.size > MOST_KEPT || (kept.size > 1 && pixelsKept() > MOST_PIXELS_KEPT)) {
      kept.delete(kept.keys().next().value);
    }
  }
  return kept.get(shot);
}

function colorTable(alpha) {
  const table = new Map([[data.void, [224, 224, 224, alpha]]]);
  data.labels.forEach((label, place) => {
    if (isShown(place)) table.set(label.value, [...rgb(colorOf(place)), alpha]);
  });
  table.delete(data.background);
  return table;
}

function tinted({ w, h, values }, alpha) {
  const [canvas, context] = blank(w, h);
  const out = context.createImageData(w, h);
  const table = colorTable(alpha);
  for (let i = 0; i < values.length; i++) {
    const color = table.get(values[i]);
    if (color) out.data.set(color, 4 * i);
  }
  context.putImageData(out, 0, 0);
  return canvas;
}

// Contested pixels in stripes that show on any color, and let the winner show through.
function hatched({ w, h, contested }) {
  const [canvas, context] = blank(w, h);
  const out = context.createImageData(w, h);
  for (let i = 0; i < contested.length; i++) {
    if (!contested[i]) continue;
    const stripe = ((i % w) + Math.floor(i / w)) % 8;
    if (stripe < 2) out.data.set([255, 60, 120, 255], 4 * i);
    else if (stripe === 2 || stripe === 7) out.data.set([20, 20, 20, 170], 4 * i);
  }
  context.putImageData(out, 0, 0);
  return canvas;
}

function drawShapes(context, scene, width) {
  context.lineJoin = "round";
  scene.paths.forEach((path, at) => {
    const place = scene.shot.shapes[at][0];
    if (place >= 0 && !isShown(place)) return;
    context.globalAlpha = 0.16;
    context.fillStyle = colorOf(place);
    context.fill(path, "evenodd");
    context.globalAlpha = 1;
    for (const [color, factor] of [["rgba(0,0,0,.55)", 2], [colorOf(place), 1]]) {
      context.strokeStyle = color;
      context.lineWidth = width * factor;
      context.stroke(path);
    }
  });
}

async function drawThumbnail(canvas, shot) {
  const scene = await opened(shot);
  const scale = Math.min(1, 480 / Math.max(shot.w, shot.h));
  canvas.width = Math.max(1, Math.round(shot.w * scale));
  canvas.height = Math.max(1, Math.round(shot.h * scale));
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.fillStyle = "#6d7178";
  context.fillRect(0, 0, canvas.width, canvas.height);
  if (scene.picture) context.drawImage(scene.picture, 0, 0, canvas.width, canvas.height);
  context.drawImage(tinted(scene.mask, 165), 0, 0, canvas.width, canvas.height);
  context.scale(scale, scale);
  drawShapes(context, scene, 1.3 / scale);
}
