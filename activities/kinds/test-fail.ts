// test.fail: fails with a class of your choice, so often as you say, then succeeds.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { allFailureClasses } from '../../schemas/failures.js';
import type { KindImplementation } from '../kind.js';
import { StepFailure } from '../kind.js';
import { integerInput, stringInput } from './inputs.js';

/** Writes counter.json {attempts}; the number of the attempt decides, so nothing is kept between attempts. */
export const run: KindImplementation = async (context) => {
  const times = integerInput(context.inputs, 'times');
  const asked = stringInput(context.inputs, 'class');
  const failureClass = allFailureClasses().find((name) => name === asked);
  if (failureClass === undefined)
    throw new StepFailure('config', `\`class\` is '${asked}', which is no failure class.`);
  if (context.attempt <= times) throw new StepFailure(failureClass, stringInput(context.inputs, 'message'));
  const folder = await context.outputDir('folder');
  await writeFile(join(folder, 'counter.json'), JSON.stringify({ attempts: context.attempt }));
  return { attempts: context.attempt };
};
