import { describe, expect, it } from 'vitest';
import {
  artifactInput,
  booleanInput,
  fileInput,
  integerInput,
  numberInput,
  optionalArtifact,
  stringInput,
} from '../../../activities/kinds/inputs.js';

const model = { path: '/m', identity: 'k/model', type: 'model' as const };
const file = { path: '/f', digest: 'sha256:0' };
const inputs = { steps: 3, lr: 0.5, name: 'x', on: false, model, file, none: null };

describe('an input', () => {
  it('is read with its type', () => {
    expect([integerInput(inputs, 'steps'), numberInput(inputs, 'lr'), stringInput(inputs, 'name')]).toEqual([
      3,
      0.5,
      'x',
    ]);
    expect([booleanInput(inputs, 'on'), fileInput(inputs, 'file'), artifactInput(inputs, 'model')]).toEqual([
      false,
      file,
      model,
    ]);
    expect([optionalArtifact(inputs, 'none'), optionalArtifact(inputs, 'missing')]).toEqual([null, null]);
  });

  it.each([
    [() => integerInput(inputs, 'lr'), '`lr` must be a whole number, but is 0.5'],
    [() => numberInput(inputs, 'name'), '`name` must be a number, but is "x"'],
    [() => stringInput(inputs, 'missing'), '`missing` must be a string, but is missing'],
    [() => booleanInput(inputs, 'none'), '`none` must be true or false, but is null'],
    [() => artifactInput(inputs, 'file'), '`file` must be an artifact'],
    [() => fileInput(inputs, 'model'), '`model` must be a file or folder'],
  ])('of another type is refused with what it is', (read, message) => {
    expect(read).toThrow(message);
  });
});
