// From the address of a store, as temporal.config.ts has it, to the store.
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { StoreError } from './errors.js';
import { openFolderStore } from './folder-store.js';
import { withLocalFiles } from './local-files.js';
import type { ObjectStore } from './store.js';

/**
 * Opens a folder (path or file:// URL), making it when it is not there, or s3://bucket/prefix. Throws StoreError `config` for
 * another address, and as openFolderStore and openS3Store do. `localFiles` is where files of a remote store are kept on this host.
 */
export async function openStore(url: string, options: { localFiles?: string } = {}): Promise<ObjectStore> {
  if (url.startsWith('s3://')) {
    const { openS3Store } = await import('./s3/s3-store.js');
    const store = await openS3Store(url, process.env);
    return options.localFiles === undefined ? store : withLocalFiles(store, options.localFiles);
  }
  if (url.startsWith('file://')) return openFolderStore(fileURLToPath(url));
  const scheme = /^([a-z][a-z0-9+.-]+):\/\//i.exec(url);
  if (scheme !== null || url === '')
    throw new StoreError(
      'config',
      `\`store\` in temporal.config.ts is '${url}'. It must be a folder, such as .pawl/store or file:///data/pawl, or s3://bucket/prefix.`,
    );
  return openFolderStore(resolve(url));
}
