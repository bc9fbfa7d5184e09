// The masks of very large images at full size: tiles, decoded when they come into view.
const TILES_FROM = 0.5; // pixels of the screen for a pixel of the image
const MOST_TILES = 80;
const tilesKept = new Map();

// A tile is a value that all its pixels have, or an image; null until the image is decoded.
function tileAt(tiles, column, row) {
  const columns = Math.ceil(stage.scene.shot.w / tiles.side);
  const image = tiles.images[row * columns + column];
  if (typeof image === "number") return { value: image };
  if (!tilesKept.has(image)) loadTile(image, tiles.deep);
  const tile = tilesKept.get(image);
  tilesKept.delete(image);
  tilesKept.set(image, tile); // the tile that was used last goes last
  return tile.mask ? tile : null;
}

async function loadTile(image, deep) {
  const tile = { mask: null, canvas: null, tint: -1 };
  tilesKept.set(image, tile);
  if (tilesKept.size > MOST_TILES) tilesKept.delete(tilesKept.keys().next().value);
  tile.mask = readMask(await loadImage(image), deep);
  if (stage.cross) tellPixel(stage.cross);
  else drawStage();
}

function canvasOf(tile) {
  if (tile.tint !== stage.tint) {
    tile.canvas = tinted(tile.mask, 255);
    tile.tint = stage.tint;
  }
  return tile.canvas;
}

// Corners are rounded to pixels of the screen, so that no seam shows between tiles.
function paintTiles(context, tiles, layer) {
  const { w, h } = stage.scene.shot, { a: scale, e: x, f: y } = context.getTransform(), { side } = tiles;
  const table = colorTable(255), { width, height } = context.canvas;
  context.save();
  context.setTransform(1, 0, 0, 1, 0, 0);
  for (let row = Math.max(0, Math.floor(-y / scale / side)); row * side < Math.min(h, (height - y) / scale); row++) {
    for (let column = Math.max(0, Math.floor(-x / scale / side)); column * side < Math.min(w, (width - x) / scale); column++) {
      const from = [column * side, row * side], to = [Math.min(w, from[0] + side), Math.min(h, from[1] + side)];
      const [left, right] = [from[0], to[0]].map((at) => Math.round(x + at * scale));
      const [top, bottom] = [from[1], to[1]].map((at) => Math.round(y + at * scale));
      paintTile(context, tileAt(tiles, column, row), [left, top, right - left, bottom - top], () => {
        const fx = layer.width / w, fy = layer.height / h;
        return [layer, from[0] * fx, from[1] * fy, (to[0] - from[0]) * fx, (to[1] - from[1]) * fy];
      }, table);
    }
  }
  context.restore();
}

function paintTile(context, tile, area, reduced, table) {
  if (!tile) {
    context.drawImage(...reduced(), ...area);
  } else if (tile.mask) {
    context.drawImage(canvasOf(tile), ...area);
  } else if (table.has(tile.value)) {
    const [r, g, b] = table.get(tile.value);
    context.fillStyle = `rgb(${r} ${g} ${b})`;
    context.fillRect(...area);
  }
}

// The value of a pixel: its tile's, else that of the reduced mask.
function valueAt(mask, tiles, [column, row]) {
  const { w, h } = stage.scene.shot;
  const tile = tiles && tileAt(tiles, Math.floor(column / tiles.side), Math.floor(row / tiles.side));
  if (tile?.mask) return tile.mask.values[(row % tiles.side) * tile.mask.w + (column % tiles.side)];
  if (tile) return tile.value;
  return mask.values[Math.floor((row * mask.h) / h) * mask.w + Math.floor((column * mask.w) / w)];
}
