// How many tests passed and failed, from the reports of the two test runners. A runner that fails without naming a failed
// test (it crashed, or wrote no report) counts as one failure.

/** @param {string} report JSON of vitest, '' when there is none @param {number} status exit status */
export function vitestCounts(report, status) {
  if (report === '') return { passed: 0, failed: 1 };
  const { numPassedTests: passed, numFailedTests: failed, testResults = [] } = JSON.parse(report);
  // A file that cannot be loaded has no tests to count.
  const broken = testResults.filter(
    (file) => file.status === 'failed' && file.assertionResults.every((test) => test.status !== 'failed'),
  );
  return settle(passed, failed + broken.length, status);
}

/** @param {string} report JUnit XML of pytest, '' when there is none @param {number} status exit status */
export function pytestCounts(report, status) {
  const suite = /<testsuite [^>]*>/.exec(report)?.[0];
  if (suite === undefined) return { passed: 0, failed: 1 };
  const count = (name) => Number(new RegExp(` ${name}="(\\d+)"`).exec(suite)?.[1] ?? 0);
  const failed = count('failures') + count('errors');
  return settle(count('tests') - failed - count('skipped'), failed, status);
}

const settle = (passed, failed, status) => ({ passed, failed: status !== 0 && failed === 0 ? 1 : failed });
