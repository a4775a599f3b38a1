// Failures of local activities: ApplicationFailure of a class, tried again only while the store is out of reach.
import { ApplicationFailure } from '@temporalio/common';
import { hintOf } from '../schemas/failures.js';
import { toStepFailure } from './failure.js';

/** The local activity with its errors as ApplicationFailure: type = failure class, details[0] = {hint}. */
export const failingByClass =
  <Input, Output>(run: (input: Input) => Promise<Output>): ((input: Input) => Promise<Output>) =>
  async (input) => {
    try {
      return await run(input);
    } catch (error) {
      const { failureClass, message, details } = toStepFailure(error);
      throw ApplicationFailure.create({
        type: failureClass,
        message,
        details: [{ hint: hintOf(failureClass), ...details }],
        nonRetryable: failureClass !== 'store_unavailable',
      });
    }
  };
