// The shape of temporal.config.ts: where pipelines run. Types only.

export interface TrainerQueue {
  /** Task queue that a worker with this slot polls. */
  queue: string;
  gpus: number;
  labels: string[];
}

/** A step kind of your own: its declaration, and what runs it. Paths are relative to temporal.config.ts, or lead into a package. */
export interface KindSource {
  /** JSON as schemas/step-kind.schema.json has it. */
  declaration: string;
  /**
   * A module that exports `run`, a KindImplementation; or, for a kind that runs on the trainer, a Python file with `run(job)`.
   * Default: beside the declaration, with the ending .js or else .py.
   */
  implementation?: string;
}

/** A certificate or key in PEM, in a file or as it is. */
export type PemSource = { path: string } | { data: string };

/** How to reach a Temporal server over TLS, beside what this machine trusts. */
export interface TlsOptions {
  /** The authority that signed the server's certificate, where this machine does not trust it already. */
  serverCaCert?: PemSource;
  /** For a server that asks for one; `clientKey` is its key. */
  clientCert?: PemSource;
  clientKey?: PemSource;
  /** The name that the server's certificate must have; default: the host of the address. */
  serverName?: string;
  /** Refused: the SDK always verifies. Here so that a setting of other tools is not ignored silently. */
  disableHostVerification?: boolean;
}

export interface TemporalConfig {
  /** State of the embedded servers, work folders and caches. */
  home: string;
  /** Folder of the package: where dist/, trainer/ and the tool chain of the set-up are. */
  packageRoot: string;
  temporal: {
    /** host:port; null = the embedded server (`pawl up`). */
    address: string | null;
    namespace: string;
    apiKey: string | null;
    tls: boolean | TlsOptions;
    /** A module that exports `codec`, a PayloadCodec of @temporalio/common; null = what Temporal keeps is plain. */
    codec: string | null;
    /** Version of this installation's workers: a run stays with the version that began it. null = any worker takes any run. */
    deployment: { name: string; buildId: string } | null;
    /** Base URL of the Temporal UI; null = unknown, no links. */
    uiUrl: string | null;
  };
  /** Ports of the embedded servers, on loopback. */
  ports: { temporal: number; temporalUi: number; mlflow: number };
  /** Folder, or s3://bucket/prefix. */
  store: string;
  /** null = the embedded server; 'off' = none. */
  mlflow: { url: string | null; experiment: string };
  workflowQueue: string;
  trainers: TrainerQueue[];
  trainer: {
    python: string;
    threads: number;
    /** Bytes of loaded artifacts that a trainer keeps in memory; more than one model of yours, or each job loads it anew. */
    cacheBytes: number;
    device: 'auto' | 'cpu';
  };
  /** host:port where a worker serves /metrics, /ready and /live; a port alone means loopback; null = nowhere. */
  metricsAddress: string | null;
  /** How the background processes write their logs. */
  log: 'human' | 'json';
  /** Step kinds beside Pawl's own. */
  kinds: KindSource[];
  /** Bytes of materialised artifacts that a host keeps. */
  hostCacheBytes: number;
  /** Folder with the faults that `npm run chaos` plans for the worker; null = none, as ever else. */
  faults: string | null;
}
