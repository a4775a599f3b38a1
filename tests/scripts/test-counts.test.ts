import { expect, it } from 'vitest';
import { pytestCounts, vitestCounts } from '../../scripts/checks/test-counts.mjs';

it('counts what vitest reports, and a file that does not load as a failure', () => {
  const file = { status: 'passed', assertionResults: [] };
  const report = JSON.stringify({ numPassedTests: 4, numFailedTests: 0, testResults: [file] });
  expect(vitestCounts(report, 0)).toEqual({ passed: 4, failed: 0 });
  const broken = JSON.stringify({ numPassedTests: 4, numFailedTests: 0, testResults: [{ ...file, status: 'failed' }] });
  expect(vitestCounts(broken, 1)).toEqual({ passed: 4, failed: 1 });
});

it('counts what pytest reports; skipped tests have not passed', () => {
  const report =
    '<testsuites><testsuite name="pytest" errors="1" failures="2" skipped="3" tests="10" time="1"></testsuite></testsuites>';
  expect(pytestCounts(report, 1)).toEqual({ passed: 4, failed: 3 });
});

it('counts a runner that died without a report as one failure', () => {
  expect(vitestCounts('', 1)).toEqual({ passed: 0, failed: 1 });
  expect(pytestCounts('', 2)).toEqual({ passed: 0, failed: 1 });
  expect(vitestCounts(JSON.stringify({ numPassedTests: 4, numFailedTests: 0, testResults: [] }), 1)).toEqual({
    passed: 4,
    failed: 1,
  });
});
