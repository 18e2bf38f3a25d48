// Words of self-harm in a note: a plain list, and nothing cleverer than a list.
import type { Bundle } from './bundle.ts';

const APOSTROPHES = /['\u2019\u02bc`]/g;
const CHEROKEE = /\p{Script=Cherokee}/u;
const WORD = /[\p{L}\p{N}_]+/gu;

/** Return the phrases of the list that a note holds, as the list spells them. */
export function crisisWordsIn(list: Bundle['crisis_words'], note: string | null): string[] {
  const written = foldedWords(note ?? '');
  return list.phrases.filter(({ words }) => holds(written, words)).map(({ phrase }) => phrase);
}

/** Return the words of a text without case, accents and apostrophes. */
export function foldedWords(text: string): string[] {
  const plain = [...text.replace(APOSTROPHES, '').replace(/\u0131/g, 'i')].map(caseFolded).join('');
  const letters = [...plain.normalize('NFKD')].filter((letter) => !isCombining(letter));
  return letters.join('').match(WORD) ?? [];
}

/**
 * Return one character in full case folding.
 *
 * JavaScript has no such function. Upper and then lower case come to the same for single
 * characters (ß, ſ, ς and ŉ among them), except that Cherokee folds to its capitals.
 */
function caseFolded(letter: string): string {
  const upper = letter.toLowerCase().toUpperCase();
  if (CHEROKEE.test(letter)) return upper;
  return [...upper].map((each) => each.toLowerCase()).join('');
}

/**
 * Say whether a character's canonical combining class is other than 0.
 *
 * JavaScript does not tell the class, but its normal form sorts by it: a class above 1
 * goes behind one of class 1, and one below 240 before one of class 240.
 */
function isCombining(letter: string): boolean {
  if (letter < '\u0300') return false;
  const behind = `${letter}\u0334`;
  const before = `\u0345${letter}`;
  return behind.normalize('NFD') !== behind || before.normalize('NFD') !== before;
}

function holds(written: string[], phrase: string[]): boolean {
  for (let start = 0; start + phrase.length <= written.length; start += 1) {
    if (phrase.every((wanted, place) => isAlike(written[start + place]!, wanted))) return true;
  }
  return false;
}

function isAlike(word: string, wanted: string): boolean {
  return wanted.endsWith('*') ? word.startsWith(wanted.slice(0, -1)) : word === wanted;
}
