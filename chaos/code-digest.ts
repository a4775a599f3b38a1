// Which code a run was made by: results of other code are not to be compared with.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const folders = ['dist', 'trainer', 'schemas', 'pipelines'];

/** A digest of what is built and what the trainer runs. */
export function codeDigest(root: string): string {
  const hash = createHash('sha256');
  for (const folder of folders.filter((name) => existsSync(join(root, name))))
    for (const path of readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).sort())
      if (/\.(js|cjs|py|json|yaml|onnx)$/.test(path)) hash.update(path).update(readFileSync(join(root, folder, path)));
  return hash.digest('hex').slice(0, 16);
}
