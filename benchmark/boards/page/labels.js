// Labels of points in a figure: beside their point, or near it with a line to it; none hides another.

const ruler = document.createElement("canvas").getContext("2d");
const FONT = '12px system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif';

/** Pixels of a text of a figure, at its strongest weight. */
function wide(text) {
  ruler.font = `600 ${FONT}`;
  return ruler.measureText(text).width;
}

/** As much of a text as fits. */
function fitting(text, width) {
  if (wide(text) <= width) return text;
  let end = text.length - 1;
  while (end > 1 && wide(`${text.slice(0, end)}…`) > width) end -= 1;
  return `${text.slice(0, end)}…`;
}

const TURNS = [0, 8, 15, 1, 14, 2, 9, 7, 13, 3, 12, 4, 10, 6, 11, 5]; // sixteenths; beside comes first
const RINGS = [10, 18, 26, 36, 48, 62, 78, 96, 116, 140, 170, 200];

/** Where a label may stand: left, top and right, bottom, and the end of its line. */
function spot([x, y], width, ring, turn) {
  const [across, down] = [Math.cos((turn * Math.PI) / 8), Math.sin((turn * Math.PI) / 8)];
  const [ax, ay] = [x + ring * across, y + ring * down];
  const left = across > 0.3 ? ax : across < -0.3 ? ax - width : ax - width / 2;
  const middle = ay + (Math.abs(across) > 0.3 ? 0 : 5 * Math.sign(down));
  return { left, right: left + width, top: middle - 7, bottom: middle + 7, end: [ax, ay] };
}

const apart = (a, b) => a.right < b.left || a.left > b.right || a.bottom < b.top || a.top > b.bottom;
const inside = ([x, y], box) => x > box.left && x < box.right && y > box.top && y < box.bottom;

/** Points along a line, without its very beginning. */
const along = ([x0, y0], [x1, y1]) => Array.from({ length: 24 }, (_, n) => (n + 1) / 25).map((t) => [x0 + t * (x1 - x0), y0 + t * (y1 - y0)]);

/**
 * Labels for some points: [{ item, text, left, base, line }]. Lines keep clear of other points where
 * they can; a label that fits nowhere is left out.
 */
function placed(wanted, points, at, name, box, curve = []) {
  const dots = new Map(points.map((item) => { const [x, y] = at(item); return [item, { left: x - 6, right: x + 6, top: y - 6, bottom: y + 6 }]; }));
  const labels = [];
  const lines = [curve.slice(1).flatMap((end, n) => along(curve[n], end))];
  const clear = (line, item) => [...dots].every(([other, dot]) => other === item || line.every((point) => !inside(point, dot)));
  const free = (area, line) =>
    area.left >= box.left - 30 && area.right <= box.right + 20 && area.top >= box.top - 10 && area.bottom <= box.bottom
    && [...dots.values()].every((dot) => apart(area, dot)) && labels.every((other) => apart(area, other))
    && lines.every((other) => !other.some((point) => inside(point, area)))
    && line.every((point) => labels.every((other) => !inside(point, other)));
  return wanted.flatMap((item) => {
    const text = fitting(name(item), 0.62 * (box.right - box.left));
    const width = wide(text) + 4;
    for (const strict of [true, false]) {
      for (const ring of RINGS) {
        for (const turn of TURNS) {
          const area = spot(at(item), width, ring, turn);
          const line = ring > 12 ? along(at(item), area.end) : [];
          if (!free(area, line) || (strict && !clear(line, item))) continue;
          labels.push(area);
          lines.push(line);
          return [{ item, text, left: area.left + 2, base: area.bottom - 3, line: line.length ? [at(item), area.end] : null }];
        }
      }
    }
    return [];
  });
}
