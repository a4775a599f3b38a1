// Curves as one SVG file: a logarithmic x axis of shares, direct names at the ends of the curves, readable on light and dark pages.

export interface PlotLine {
  name: string;
  points: readonly { x: number; y: number }[];
  /** A level over the whole width instead of points. */
  level: number | null;
}

export interface Plot {
  title: string;
  x: string;
  y: string;
  lines: readonly PlotLine[];
}

const size = { width: 760, height: 440, left: 76, right: 150, top: 44, bottom: 56 };
const colours = ['#3366cc', '#dc3912', '#109618', '#990099', '#b8860b', '#0099c6', '#8b4513', '#dd4477', '#566573'];

/** The plot; lines without a point above 0 on the x axis are left out. Pure. */
export function linePlot({ title, x, y, lines }: Plot): string {
  const drawn = lines
    .map((line) => ({ ...line, points: line.points.filter((point) => point.x > 0) }))
    .filter((line) => line.level !== null || line.points.length > 0);
  const xs = drawn.flatMap((line) => line.points.map((point) => Math.log10(point.x)));
  const ys = drawn.flatMap((line) => [
    ...line.points.map((point) => point.y),
    ...(line.level === null ? [] : [line.level]),
  ]);
  const [fromX, toX] = spread(xs, 0);
  const [fromY, toY] = spread(ys, 0.06);
  const atX = (value: number): number =>
    size.left + ((Math.log10(value) - fromX) / (toX - fromX)) * (size.width - size.left - size.right);
  const atY = (value: number): number =>
    size.height - size.bottom - ((value - fromY) / (toY - fromY)) * (size.height - size.top - size.bottom);
  const labels = apart(drawn.map((line) => atY(line.level ?? line.points.at(-1)?.y ?? 0)));
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${size.width} ${size.height}" font-family="sans-serif" font-size="13">`,
    `<rect width="${size.width}" height="${size.height}" fill="#ffffff"/>`,
    text(size.left, 24, title, 'font-size="15" font-weight="bold"'),
    ...ticksX(fromX, toX).map((tick) => tickX(atX(tick), tick)),
    ...ticksY(fromY, toY).map((tick) => tickY(atY(tick), tick)),
    text((size.left + size.width - size.right) / 2, size.height - 12, x, 'text-anchor="middle"'),
    `<g transform="translate(18 ${(size.top + size.height - size.bottom) / 2}) rotate(-90)">${text(0, 0, y, 'text-anchor="middle"')}</g>`,
    ...drawn.map((line, i) =>
      curve(line, { atX, atY, colour: colours[i % colours.length] ?? '', label: labels[i] ?? 0 }),
    ),
    '</svg>',
    '',
  ].join('\n');
}

function curve(
  line: PlotLine,
  {
    atX,
    atY,
    colour,
    label,
  }: { atX: (x: number) => number; atY: (y: number) => number; colour: string; label: number },
): string {
  const right = size.width - size.right;
  const name = text(right + 10, label + 4, line.name, `fill="${colour}"`);
  if (line.level !== null) {
    const y = atY(line.level).toFixed(1);
    return `<path d="M${size.left} ${y}H${right}" stroke="${colour}" stroke-dasharray="5 4" fill="none"/>${name}`;
  }
  const points = line.points.map(({ x, y }) => `${atX(x).toFixed(1)},${atY(y).toFixed(1)}`);
  const dots = points.map(
    (point) => `<circle cx="${point.split(',')[0] ?? ''}" cy="${point.split(',')[1] ?? ''}" r="3.2" fill="${colour}"/>`,
  );
  return `<polyline points="${points.join(' ')}" stroke="${colour}" stroke-width="2" fill="none"/>${dots.join('')}${name}`;
}

/** Places of names that keep 15 from each other, in the order of their values. */
function apart(wanted: readonly number[]): number[] {
  const placed = [...wanted];
  let last = -Infinity;
  for (const i of [...wanted.keys()].sort((a, b) => (wanted[a] as number) - (wanted[b] as number))) {
    last = Math.max(wanted[i] as number, last + 15);
    placed[i] = last;
  }
  return placed;
}

/** The ends of an axis, `margin` of its length beyond the values; never of no length. */
function spread(values: readonly number[], margin: number): [number, number] {
  const [low, high] = [Math.min(...values, Infinity), Math.max(...values, -Infinity)];
  if (!(high > low)) return Number.isFinite(low) ? [low - 0.5, low + 0.5] : [-1, 0];
  return [low - (high - low) * margin, high + (high - low) * margin];
}

/** 1, 2 and 5 of each power of ten between the ends. */
function ticksX(from: number, to: number): number[] {
  const ticks: number[] = [];
  for (let power = Math.floor(from); power <= Math.ceil(to); power++)
    for (const digit of [1, 2, 5]) {
      const log = power + Math.log10(digit);
      if (log >= from - 1e-9 && log <= to + 1e-9) ticks.push(digit * 10 ** power);
    }
  return ticks;
}

function ticksY(from: number, to: number): number[] {
  const raw = (to - from) / 6;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = ([1, 2, 5, 10].find((digit) => digit * power >= raw) ?? 10) * power;
  const ticks: number[] = [];
  for (let i = Math.ceil(from / step); i * step <= to; i++) ticks.push(i * step);
  return ticks;
}

const tickX = (at: number, value: number): string =>
  `<path d="M${at.toFixed(1)} ${size.top}V${size.height - size.bottom}" stroke="#e5e7e9"/>${text(at, size.height - size.bottom + 18, `${+(value * 100).toPrecision(2)} %`, 'text-anchor="middle"')}`;

const tickY = (at: number, value: number): string =>
  `<path d="M${size.left} ${at.toFixed(1)}H${size.width - size.right}" stroke="#e5e7e9"/>${text(size.left - 8, at + 4, String(+value.toPrecision(4)), 'text-anchor="end"')}`;

const text = (x: number, y: number, words: string, attributes: string): string =>
  `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" ${attributes.includes('fill=') ? '' : 'fill="#1c2833" '}${attributes}>${words.replaceAll('&', '&amp;').replaceAll('<', '&lt;')}</text>`;
