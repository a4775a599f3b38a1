// The real yaml-language-server over stdio: what an editor would show for a text at a place.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { repository } from '../local/built.js';

export interface Suggestion {
  label: string;
  documentation?: string | { value: string };
  insertText?: string;
}

export interface Complaint {
  message: string;
  severity: number;
  range: { start: Position; end: Position };
}

interface Position {
  line: number;
  character: number;
}

export interface LanguageServer {
  /** What the server has against `text` as the file `path`. */
  diagnose(path: string, text: string): Promise<Complaint[]>;
  /** Suggestions at the `|` of the text, by label. */
  complete(path: string, text: string): Promise<Map<string, Suggestion>>;
  /** The Markdown shown over the `|` of the text; '' for nothing. */
  hover(path: string, text: string): Promise<string>;
  stop(): Promise<void>;
}

interface Message {
  id?: number;
  method?: string;
  params?: unknown;
  result?: unknown;
}

/** Starts the server with its own defaults, as an editor would; nothing is fetched from the network. */
export async function startLanguageServer(): Promise<LanguageServer> {
  const rpc = connect();
  const published = new Map<string, (complaints: Complaint[]) => void>();
  rpc.onNotification('textDocument/publishDiagnostics', (params) => {
    const { uri, diagnostics } = params as { uri: string; diagnostics: Complaint[] };
    published.get(uri)?.(diagnostics);
  });
  await rpc.request('initialize', { processId: process.pid, rootUri: null, capabilities });
  rpc.notify('initialized', {});
  const settings = { yaml: { schemaStore: { enable: false }, validate: true, hover: true, completion: true } };
  rpc.notify('workspace/didChangeConfiguration', { settings });

  let version = 0;
  const open = (path: string, text: string): string => {
    const uri = pathToFileURL(path).href;
    rpc.notify('textDocument/didOpen', { textDocument: { uri, languageId: 'yaml', version: ++version, text } });
    return uri;
  };
  const close = (uri: string): void => rpc.notify('textDocument/didClose', { textDocument: { uri } });
  const at = async (method: string, path: string, marked: string): Promise<unknown> => {
    const before = marked.slice(0, marked.indexOf('|')).split('\n');
    const position = { line: before.length - 1, character: before.at(-1)?.length ?? 0 };
    const uri = open(path, marked.replace('|', ''));
    const answer = await rpc.request(method, { textDocument: { uri }, position });
    close(uri);
    return answer;
  };
  return {
    async diagnose(path, text) {
      const uri = pathToFileURL(path).href;
      // The server also reports on a file that is closed: what it says about this opening comes after.
      await rpc.request('textDocument/documentSymbol', { textDocument: { uri } });
      const answer = new Promise<Complaint[]>((resolve) => published.set(uri, resolve));
      open(path, text);
      const complaints = await answer;
      published.delete(uri);
      close(uri);
      return complaints;
    },
    async complete(path, text) {
      const { items } = (await at('textDocument/completion', path, text)) as { items: Suggestion[] };
      return new Map(items.map((item) => [item.label, item]));
    },
    async hover(path, text) {
      const answer = (await at('textDocument/hover', path, text)) as { contents: { value: string } } | null;
      return answer?.contents.value ?? '';
    },
    stop: () => rpc.stop(),
  };
}

const capabilities = {
  textDocument: {
    completion: { completionItem: { snippetSupport: true, documentationFormat: ['markdown'] } },
    hover: { contentFormat: ['markdown'] },
    publishDiagnostics: {},
  },
  workspace: { configuration: false },
};

/** JSON-RPC with Content-Length headers, as the Language Server Protocol has it. */
function connect(): {
  request(method: string, params: unknown): Promise<unknown>;
  notify(method: string, params: unknown): void;
  onNotification(method: string, listener: (params: unknown) => void): void;
  stop(): Promise<void>;
} {
  const program = join(repository, 'node_modules', 'yaml-language-server', 'bin', 'yaml-language-server');
  const child = spawn(process.execPath, [program, '--stdio'], { stdio: ['pipe', 'pipe', 'ignore'] });
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const waiting = new Map<number, (result: unknown) => void>();
  const listeners = new Map<string, (params: unknown) => void>();
  let next = 0;
  let buffer = Buffer.alloc(0);
  const send = (message: Message): void => {
    const body = Buffer.from(JSON.stringify({ jsonrpc: '2.0', ...message }));
    child.stdin.write(Buffer.concat([Buffer.from(`Content-Length: ${body.length}\r\n\r\n`), body]));
  };
  const take = (message: Message): void => {
    if (message.method === undefined) waiting.get(message.id ?? -1)?.(message.result);
    // A request of the server, such as registering for changes: granted.
    else if (message.id !== undefined) send({ id: message.id, result: null });
    else listeners.get(message.method)?.(message.params);
  };
  child.stdout.on('data', (chunk: Buffer) => {
    buffer = Buffer.concat([buffer, chunk]);
    for (;;) {
      const header = buffer.indexOf('\r\n\r\n');
      const length = Number(/Content-Length: (\d+)/i.exec(buffer.subarray(0, header).toString())?.[1] ?? Infinity);
      if (header < 0 || buffer.length < header + 4 + length) return;
      const body = buffer.subarray(header + 4, header + 4 + length).toString();
      buffer = buffer.subarray(header + 4 + length);
      take(JSON.parse(body) as Message);
    }
  });
  const request = (method: string, params: unknown): Promise<unknown> =>
    new Promise((resolve) => {
      waiting.set(++next, resolve);
      send({ id: next, method, params });
    });
  const notify = (method: string, params: unknown): void => send({ method, params });
  return {
    request,
    notify,
    onNotification: (method, listener) => void listeners.set(method, listener),
    async stop() {
      await request('shutdown', null);
      notify('exit', null);
      await ended;
    },
  };
}
