// A phone's first day through the generated client, against a running service.
// Arguments: the origin, an enrolment code, a date of birth. Prints what happened, as JSON.
import { answered, connect, Refusal, type Schemas } from '../client.ts';

declare const process: { argv: string[] };
const [origin, code, born] = process.argv.slice(2) as [string, string, string];

let token: string | undefined;
const api = connect(origin, { accessToken: () => token, language: 'en' });

async function refused(asked: () => Promise<unknown>): Promise<Refusal> {
  try {
    await asked();
  } catch (error) {
    if (error instanceof Refusal) return error;
    throw error;
  }
  throw new Error('this was not refused');
}

const device: Schemas['NewDeviceRequest'] = {
  id: crypto.randomUUID(),
  name: 'A phone of the suite',
  platform: 'ios',
  time_zone: 'Europe/London',
  locale: 'en',
  app_version: '1.0.0',
  public_key: null,
};
const consents = [{ document: 'privacy', version: '1' }];
const enrol = (date_of_birth: string, zone = device.time_zone) =>
  answered(
    api.POST('/api/v1/enrolments', {
      body: { code, date_of_birth, consents, device: { ...device, time_zone: zone } },
    }),
  );

const without = await refused(() => answered(api.GET('/api/v1/me')));
const wrongZone = await refused(() => enrol(born, 'Middle/Earth'));
const enrolled = await enrol(born);
token = enrolled.access_token;

const me = await answered(api.GET('/api/v1/me'));
const to = new Date(Date.parse(me.today) + 7 * 86_400_000).toISOString().slice(0, 10);
const agenda = await answered(
  api.GET('/api/v1/me/agenda', { params: { query: { from: me.today, to } } }),
);
const open = agenda.items.find((each) => ['upcoming', 'due'].includes(each.state));
if (open === undefined) throw new Error('nothing is planned for this week');

const at = new Date().toISOString();
const action = { id: crypto.randomUUID(), action: 'complete' as const, at };
const act = (note?: string) =>
  answered(
    api.POST('/api/v1/me/occurrences/{occurrence_id}/actions', {
      params: { path: { occurrence_id: open.id } },
      body: note === undefined ? action : { ...action, note },
    }),
  );
const taken = await act();
const again = await act();
const reused = await refused(() => act('something else'));

const form = await answered(api.GET('/api/v1/me/check-in-form'));
const report = await answered(
  api.POST('/api/v1/me/check-ins', {
    body: {
      id: crypto.randomUUID(),
      date: me.today,
      recorded_at: at,
      time_zone: me.profile.time_zone,
      form_version: form.form_version,
      answers: { saddle_numb: true, nrs_back: 3 },
    },
  }),
);

console.log(
  JSON.stringify({
    without: [without.status, without.code],
    zone: [wrongZone.status, wrongZone.of('/device/time_zone')],
    patient: [enrolled.patient.id, me.profile.id],
    occurrence: [open.id, taken.occurrence.id, taken.occurrence.state],
    actions: [taken.action.id, again.action.id],
    reused: [reused.status, reused.code, reused.problem.stored?.['id']],
    advice: report.advice.map((each) => each.tier),
    monitoring: report.monitoring.state,
  }),
);
