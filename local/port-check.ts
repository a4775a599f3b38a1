// Whether a port on loopback is free, and whether something answers there.
import { execFileSync } from 'node:child_process';
import { connect, createServer } from 'node:net';
import { loopback } from './addresses.js';

/** Whether a server could listen on the port now. */
export function isPortFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: loopback, exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/** Whether something accepts connections on the port within `timeoutMs`. */
export function accepts(port: number, timeoutMs = 500): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: loopback });
    const end = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(timeoutMs, () => end(false));
    socket.once('connect', () => end(true));
    socket.once('error', () => end(false));
  });
}

/** Who listens on the port, such as "node (pid 4711)"; null when the system does not tell. */
export function holderOf(port: number): string | null {
  for (const [command, args, pattern] of [
    ['ss', ['-Hltnp', `sport = :${port}`], /users:\(\("([^"]+)",pid=(\d+)/],
    ['lsof', ['-nP', `-iTCP:${port}`, '-sTCP:LISTEN', '-Fcp'], /p(\d+)\nc(.+)/],
  ] as const) {
    try {
      const out = execFileSync(command, args, {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
        timeout: 3_000,
      });
      const match = pattern.exec(out);
      if (match?.[1] === undefined || match[2] === undefined) continue;
      return command === 'ss' ? `${match[1]} (pid ${match[2]})` : `${match[2]} (pid ${match[1]})`;
    } catch {
      continue;
    }
  }
  return null;
}
