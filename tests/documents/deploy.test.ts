import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { listenAt } from '../../worker/operations-server.js';
import { repository } from '../local/built.js';

const folder = join(repository, 'deploy');
const textOf = (path: string): string => readFileSync(join(repository, path), 'utf8');

interface Container {
  command: string[];
  env: { name: string; valueFrom?: { secretKeyRef: { name: string; key: string } } }[];
  envFrom: { configMapRef: { name: string } }[];
  ports: { name: string; containerPort: number }[];
  readinessProbe: { httpGet: { path: string; port: string } };
  livenessProbe: { httpGet: { path: string; port: string } };
}
interface Manifest {
  kind?: string;
  metadata: { name: string };
  data?: Record<string, string>;
  stringData?: Record<string, string>;
  spec?: {
    template: {
      metadata: { annotations: Record<string, string> };
      spec: { terminationGracePeriodSeconds: number; containers: [Container] };
    };
  };
  groups?: { rules: { alert: string; expr: string }[] }[];
}

const manifests = readdirSync(folder)
  .filter((name) => name.endsWith('.yaml'))
  .flatMap((name) =>
    parseAllDocuments(readFileSync(join(folder, name), 'utf8')).map((document) => {
      expect(document.errors).toEqual([]);
      return { name, manifest: document.toJS() as Manifest };
    }),
  );
const ofKind = (kind: string): Manifest[] =>
  manifests.filter((one) => one.manifest.kind === kind).map((one) => one.manifest);
const workers = ofKind('Deployment').flatMap(({ metadata, spec }) =>
  spec === undefined ? [] : [{ name: metadata.name, template: spec.template }],
);

/** Where variables are read. */
const readers = ['temporal.config.ts', 'store/s3/settings.ts'].map(textOf).join('\n');
const isRead = (name: string): boolean => new RegExp(`\\b${name}\\b`).test(readers);

describe('the example manifests', () => {
  it('are of a worker with and one without a GPU', () => {
    expect(workers.map(({ name }) => name).sort()).toEqual(['pawl-worker-cpu', 'pawl-worker-gpu']);
  });

  it('set only variables that Pawl reads', () => {
    const set = [
      ...ofKind('ConfigMap').flatMap(({ data }) => Object.keys(data ?? {})),
      ...workers.flatMap(({ template }) => template.spec.containers[0].env.map(({ name }) => name)),
      ...[...textOf('deploy/Containerfile').matchAll(/\b(PAWL_[A-Z_]+)=/g)].map(([, name]) => name ?? ''),
    ];
    expect(set.length).toBeGreaterThan(15);
    expect(set.filter((name) => !isRead(name))).toEqual([]);
    expect(isRead('PAWL_NONESUCH')).toBe(false);
  });

  it('name secrets that are declared, and hold none', () => {
    const declared = ofKind('Secret').flatMap(({ metadata, stringData }) =>
      Object.entries(stringData ?? {}).map(([key, value]) => {
        expect(value).toBe('replace-me');
        return `${metadata.name}/${key}`;
      }),
    );
    const used = workers.flatMap(({ template }) =>
      template.spec.containers[0].env.flatMap(({ valueFrom }) =>
        valueFrom === undefined ? [] : [`${valueFrom.secretKeyRef.name}/${valueFrom.secretKeyRef.key}`],
      ),
    );
    expect(used.filter((one) => !declared.includes(one))).toEqual([]);
    expect(used.length).toBeGreaterThan(0);
  });

  it.each(workers)(
    '$name starts what there is, is asked where it answers, and has time to checkpoint',
    ({ template }) => {
      const [container] = template.spec.containers;
      const { port } = listenAt(ofKind('ConfigMap')[0]?.data?.['PAWL_METRICS_ADDRESS'] ?? '');
      expect(container.ports).toEqual([{ name: 'operations', containerPort: port }]);
      expect(template.metadata.annotations['prometheus.io/port']).toBe(String(port));
      const paths = [
        container.readinessProbe.httpGet.path,
        container.livenessProbe.httpGet.path,
        template.metadata.annotations['prometheus.io/path'] ?? '',
      ];
      const served = textOf('worker/operations-server.ts');
      for (const path of paths) expect(served).toContain(`path === '${path}'`);
      expect(textOf(container.command[1]?.replace(/^dist\//, '').replace(/\.js$/, '.ts') ?? '')).toContain(
        'createWorker',
      );
      const force = /shutdownForceTime = '(\d+)s'/.exec(textOf('worker/create-worker.ts'))?.[1];
      expect(template.spec.terminationGracePeriodSeconds).toBeGreaterThan(Number(force) + 10);
    },
  );

  it('alert on metrics that there are, which the page explains', () => {
    const rules = manifests.flatMap(({ manifest }) => manifest.groups ?? []).flatMap(({ rules: some }) => some);
    const names = rules.flatMap(({ expr }) => expr.match(/pawl_[a-z_]+/g) ?? []);
    expect(names.length).toBeGreaterThan(3);
    const made = textOf('worker/metrics.ts');
    const page = textOf('docs/operating.md');
    for (const name of names) expect(made).toContain(`'${name}'`);
    for (const { alert } of rules) expect(page).toContain(alert);
    for (const [, name] of made.matchAll(/'(pawl_[a-z_]+)'/g)) expect(page).toContain(`\`${name}`);
  });
});
