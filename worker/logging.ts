// The log of a worker: lines on stderr, the SDK's and the activities' among them.
import { Runtime, type LogLevel, type LogMetadata, type Logger } from '@temporalio/worker';
import { destination, pino, type Logger as PinoLogger } from 'pino';

/** Fields of the SDK that say the same in every line. */
const noise = new Set(['taskToken', 'namespace', 'sdkComponent', 'isLocal', 'workflowRunId']);

/** Their names in Pawl, in every line of a step. */
const named: Record<string, string> = { workflowId: 'run', activityId: 'step', activityType: 'kind' };

/** The logger of the process: JSON lines, or lines for people. */
export function createLogger(format: 'human' | 'json'): PinoLogger {
  const stderr = destination({ dest: 2, sync: true });
  return pino(
    { base: null, timestamp: pino.stdTimeFunctions.isoTime, formatters: { level: (level) => ({ level }) } },
    format === 'json' ? stderr : { write: (line: string) => stderr.write(humanLine(line)) },
  );
}

/** A JSON line of pino for a person: time, level, message, the rest as name=value; a stack below. Pure. */
export function humanLine(line: string): string {
  const { time, level, msg, err, ...facts } = JSON.parse(line) as Record<string, unknown>;
  const text = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));
  const rest = Object.entries(facts).map(([name, value]) => ` ${name}=${text(value)}`);
  const stack = typeof err === 'object' && err !== null && 'stack' in err ? `${text(err.stack)}\n` : '';
  return `${text(time)} ${text(level).padEnd(5)} ${text(msg ?? '')}${rest.join('')}\n${stack}`;
}

/** Makes the SDK log to `logger`, and leaves signals to main.ts. Call once a process, before the first connection. */
export function installLogging(
  logger: PinoLogger,
  metrics: { port: number; buckets: Record<string, number[]> } | null,
): void {
  Runtime.install({
    logger: sdkLogger(logger),
    shutdownSignals: [],
    telemetryOptions: {
      logging: { forward: {}, filter: 'WARN' },
      ...(metrics === null
        ? {}
        : {
            metrics: {
              attachServiceName: false,
              prometheus: {
                bindAddress: `127.0.0.1:${metrics.port}`,
                useSecondsForDurations: true,
                histogramBucketOverrides: metrics.buckets,
              },
            },
          }),
    },
  });
}

function sdkLogger(logger: PinoLogger): Logger {
  const write = (level: LogLevel, message: string, meta: LogMetadata = {}): void => {
    const facts = Object.fromEntries(
      Object.entries(meta)
        .filter(([name]) => !noise.has(name))
        .map(([name, value]) => plain([named[name] ?? name, value])),
    );
    if (level === 'ERROR') logger.error(facts, message);
    else if (level === 'WARN') logger.warn(facts, message);
    else if (level === 'INFO') logger.info(facts, message);
  };
  const at =
    (level: LogLevel) =>
    (message: string, meta?: LogMetadata): void =>
      write(level, message, meta);
  return { log: write, trace: at('TRACE'), debug: at('DEBUG'), info: at('INFO'), warn: at('WARN'), error: at('ERROR') };
}

/** An error in a log line: its message is what a person needs, its stack stays for the unexpected ones. */
const plain = ([name, value]: [string, unknown]): [string, unknown] =>
  value instanceof Error
    ? [name, { type: 'type' in value ? value.type : value.name, message: value.message }]
    : [name, value];
