import { describe, expect, it } from 'vitest';
import { checkCron } from '../../compiler/cron.js';
import { checkTimeZone } from '../../compiler/time-zone.js';

describe('checkCron', () => {
  it.each([
    '0 2 * * 1-5',
    '*/15 8-18/2 1,15 jan-MAR mon,Fri',
    '5/10 * * * 7',
    '0 0 29 2 *',
    '0 0 31 2 mon',
    '  0   2 * * *  ',
    '@daily',
    '@HOURLY',
  ])('takes %s', (text) => {
    expect(checkCron(text)).toBeNull();
  });

  it.each([
    ['', 0, 'it is empty'],
    ['* * * *', 0, 'it has 4 fields, and takes 5'],
    ['60 * * * *', 0, '`60` is no minute'],
    ['0 1-24 * * *', 2, '`1-24` is no hour'],
    ['0 0 0 * *', 4, '`0` is no day of the month'],
    ['0 0 * 13 *', 6, '`13` is no month'],
    ['0 0 * * 1,8', 10, '`8` is no day of the week'],
    ['0 0 * * fri-mon', 8, 'the range `fri-mon` of the day of the week goes backwards'],
    ['*/0 * * * *', 0, 'the step `0` of the minute is no count'],
    ['1,,2 * * * *', 2, '`` is no minute'],
    ['0 0 31 apr,jun *', 4, 'no month of `apr,jun` has a day 31'],
    ['@every 5m', 0, 'there is no `@every 5m`'],
  ])('refuses %s at offset %i', (text, start, message) => {
    expect(checkCron(text)).toMatchObject({ start, message });
  });
});

describe('checkTimeZone', () => {
  it.each(['UTC', 'Europe/Berlin', 'America/Argentina/Buenos_Aires'])('knows %s', (name) => {
    expect(checkTimeZone(name)).toBeNull();
  });

  it('suggests the name that is meant', () => {
    expect(checkTimeZone('berlin')?.hint).toBe('did you mean `Europe/Berlin`?');
    expect(checkTimeZone('+02:00')?.hint).toBe('write an IANA name, e.g. UTC or Europe/Berlin');
  });
});
