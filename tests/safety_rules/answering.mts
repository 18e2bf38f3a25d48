// Answers questions of the tests, one JSON document a line, with the reference evaluator.
import { createInterface } from 'node:readline';
import { foldedWords } from '../../clients/typescript/crisis_words.ts';
import { evaluate, SignatureError, verify, type Bundle } from '../../clients/typescript/safety_rules.ts';

const bundles = new Map<string, Bundle>();

async function answer(question: any): Promise<unknown> {
  switch (question.do) {
    case 'keep':
      bundles.set(question.name, question.document);
      return null;
    case 'evaluate':
      return evaluate(bundles.get(question.bundle)!, question.check_ins, question.situation);
    case 'fold':
      return question.texts.map(foldedWords);
    case 'write':
      return JSON.stringify(sorted(question.document));
    case 'verify':
      return verdict(question);
    default:
      throw new Error(`unknown question ${question.do}`);
  }
}

async function verdict({ signed, keys, now }: any): Promise<unknown> {
  try {
    const { bundle, isOld } = await verify(signed, keys, new Date(now));
    return { bundle, isOld };
  } catch (error) {
    if (error instanceof SignatureError) return { refused: error.reason };
    throw error;
  }
}

function sorted(value: any): any {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.keys(value).sort().map((name) => [name, sorted(value[name])]));
}

for await (const line of createInterface({ input: process.stdin })) {
  let told: unknown;
  try {
    told = { answer: await answer(JSON.parse(line)) };
  } catch (error) {
    told = { error: String((error as Error).stack) };
  }
  process.stdout.write(`${JSON.stringify(told)}\n`);
}
