// Search for classes by a part of a name, allowing typing errors, and for classes that are near in a hierarchy.
//
// A search among 21,000 classes takes about ten milliseconds.

// Positions of the typed text in a name, the best first: the last word of an English name says what a thing is.
const MATCH_POSITIONS = [["\n", "\n"], [" ", "\n"], ["\n", " "], [" ", " "], ["\n", ""], [" ", ""], ["", ""]];
const MIN_LETTERS_FOR_ONE_ERROR = 4; // letters: a shorter word may have no typing error
const MIN_LETTERS_FOR_TWO_ERRORS = 6; // letters: a word of this length or more may have two typing errors
const SYNONYM_PENALTY = 0.01; // errors added for a word of a synonym
const LENGTH_PENALTY = 0.001; // errors added per letter of difference in length
const MAX_LETTERS = 60; // letters of a typed word that are compared
const MAX_STEPS = 1; // steps from the deeper parent to the common ancestor, at most, of two near classes

export class ClassRanking {
  #classes; // {info, text, words, count}: words are positions in #words; the first `count` of them are from the name
  #words = []; // {word, letters}

  constructor(classes) {
    const positions = new Map();
    const position = (word) => {
      if (!positions.has(word)) positions.set(word, this.#words.push({ word, letters: letterBits(word) }) - 1);
      return positions.get(word);
    };
    this.#classes = classes.map((info) => {
      const text = ["", info.name, ...info.synonyms, ""].join("\n").toLowerCase();
      const nameWords = new Set(splitWords(info.name.toLowerCase()));
      const words = [...new Set([...nameWords, ...splitWords(text)])].map(position);
      return { info, text, words, count: nameWords.size };
    });
  }

  // Find classes whose names contain a text (all classes for an empty text), or else classes with similar names. The
  // best matches come first.
  find(typed) {
    const text = typed.trim().toLowerCase();
    if (!text) return this.#classes.map(({ info }) => info);
    const places = MATCH_POSITIONS.map(() => []);
    for (const { info, text: names } of this.#classes) {
      if (!names.includes(text)) continue;
      places[MATCH_POSITIONS.findIndex(([before, after]) => names.includes(before + text + after))].push(info);
    }
    const matches = places.flat();
    return matches.length ? matches : this.#findSimilar(splitWords(text));
  }

  // Find classes where each typed word is similar to some word of the class. Fewer errors come first, then words of the
  // same length.
  #findSimilar(typed) {
    const errors = typed.map((word) => this.#countErrorsByWord(word.slice(0, MAX_LETTERS)));
    const matches = [];
    for (const { info, words, count } of this.#classes) {
      const fewest = (errorsByWord) => Math.min(...words.map((word, i) => errorsByWord[word] + (i < count ? 0 : SYNONYM_PENALTY)));
      const sum = errors.reduce((total, errorsByWord) => total + fewest(errorsByWord), 0);
      if (sum < Infinity) matches.push([sum, info]);
    }
    return matches.sort(([a], [b]) => a - b).map(([, info]) => info);
  }

  // Count the errors between a typed word and each word of the names.
  #countErrorsByWord(typed) {
    const maxErrors = typed.length < MIN_LETTERS_FOR_ONE_ERROR ? 0 : typed.length < MIN_LETTERS_FOR_TWO_ERRORS ? 1 : 2;
    const letters = letterBits(typed);
    return this.#words.map(({ word, letters: wordLetters }) => {
      if (countBits(letters & ~wordLetters) > maxErrors) return Infinity;
      return countErrors(typed, word, maxErrors) + LENGTH_PENALTY * Math.abs(word.length - typed.length);
    });
  }

  // Find classes that are near the classes with these ids in the hierarchy, the nearest first.
  findNear(ids) {
    const classes = this.#classes.map(({ info }) => info).filter(({ path }) => path);
    const paths = classes.filter(({ id }) => ids.has(id)).map(({ path }) => path);
    const steps = (path) => Math.min(...paths.map((idPath) => countStepsUp(path, idPath)));
    const candidates = classes.filter(({ id }) => !ids.has(id)).map((info) => [steps(info.path), info]);
    const close = candidates.filter(([up]) => up <= MAX_STEPS);
    return close.sort(([a], [b]) => a - b).map(([, info]) => info);
  }
}

const splitWords = (text) => text.match(/[\p{L}\p{N}]+/gu) ?? [];

// Count the steps from the deeper parent of two classes to their deepest common ancestor. A path lists the ancestors of
// a class, the root first. Infinity if only the root is common, unless it is the parent of both classes.
function countStepsUp(path1, path2) {
  let common = 0;
  while (common < path1.length && path1[common] === path2[common]) common += 1;
  const steps = Math.max(path1.length, path2.length) - common;
  return common > Math.min(steps, 1) ? steps : Infinity;
}

// Count the fewest errors (a letter too many, missing, wrong, or two letters exchanged) that turn the beginning of a
// word into a typed word; Infinity if more than `maxErrors`. The rater may still be typing, so the end does not count.
export function countErrors(typed, word, maxErrors) {
  if (word.length < typed.length - maxErrors) return Infinity;
  const length = Math.min(word.length, typed.length + maxErrors);
  let [before, last, now] = [0, 1, 2].map(() => new Uint8Array(length + 1));
  for (let column = 0; column <= length; column += 1) last[column] = column;
  for (let row = 1; row <= typed.length; row += 1) {
    let fewest = (now[0] = row);
    for (let column = 1; column <= length; column += 1) {
      const isSame = typed[row - 1] === word[column - 1];
      const isExchanged = row > 1 && typed[row - 1] === word[column - 2] && typed[row - 2] === word[column - 1];
      now[column] = Math.min(last[column - 1] + !isSame, last[column] + 1, now[column - 1] + 1);
      if (isExchanged && before[column - 2] + 1 < now[column]) now[column] = before[column - 2] + 1;
      if (now[column] < fewest) fewest = now[column];
    }
    if (fewest > maxErrors) return Infinity;
    [before, last, now] = [last, now, before];
  }
  const fewest = Math.min(...last);
  return fewest > maxErrors ? Infinity : fewest;
}

// Return the letters of a word as bits. A letter that is only in the typed word is an error.
function letterBits(word) {
  let letters = 0;
  for (let place = 0; place < word.length; place += 1) letters |= 1 << word.charCodeAt(place) % 32;
  return letters;
}

function countBits(bits) {
  let count = 0;
  for (let rest = bits; rest; rest &= rest - 1) count += 1;
  return count;
}
