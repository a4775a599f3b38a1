// Plots: where points land, names that do not cover each other, and words that are no markup.
import { describe, expect, it } from 'vitest';
import { linePlot } from '../../retrieval/line-plot.js';

const plot = (lines: Parameters<typeof linePlot>[0]['lines']): string =>
  linePlot({ title: 'a < b & c', x: 'cost', y: 'figure', lines });

const points = (svg: string): number[][] =>
  [...svg.matchAll(/<polyline points="([^"]+)"/g)].map((found) => (found[1] ?? '').split(/[ ,]/).map(Number));

describe('linePlot', () => {
  it('puts decades at equal distances and greater values higher', () => {
    const [curve = []] = points(
      plot([{ name: 'one', level: null, points: [0.001, 0.01, 0.1].map((x, i) => ({ x, y: i })) }]),
    );
    const [x0 = 0, y0 = 0, x1 = 0, y1 = 0, x2 = 0] = curve;
    expect(x1 - x0).toBeCloseTo(x2 - x1, 0);
    expect(y1).toBeLessThan(y0);
  });

  it('leaves out points without a place on the axis, draws levels, and survives one point or none', () => {
    const svg = plot([
      { name: 'none', level: 0.5, points: [] },
      { name: 'zero', level: null, points: [{ x: 0, y: 1 }] },
      { name: 'single', level: null, points: [{ x: 0.1, y: 0.5 }] },
    ]);
    expect(svg).toContain('stroke-dasharray');
    expect(svg).not.toContain('zero');
    expect(svg).not.toContain('NaN');
    expect(plot([])).not.toContain('NaN');
  });

  it('keeps names of curves that end at one place apart, and escapes words', () => {
    const same = ['a', 'b', 'c'].map((name) => ({
      name,
      level: null,
      points: [
        { x: 0.1, y: 1 },
        { x: 1, y: 2 },
      ],
    }));
    const svg = plot(same);
    const places = [...svg.matchAll(/y="([\d.]+)" fill="#[0-9a-f]{6}">[abc]</g)].map((found) => Number(found[1]));
    expect(places.length).toBe(3);
    expect(Math.min(...places.slice(1).map((place, i) => place - (places[i] as number)))).toBeGreaterThanOrEqual(14.9);
    expect(svg).toContain('a &lt; b &amp; c');
  });
});
