// Classes by a part of one of their names, also with a typing error, and classes that are near in a hierarchy.
//
// It has no page, so that it can be measured: among 21,000 classes a search takes some ten milliseconds.

// Places of the typed text in a name, the best first: the last word of an English name says what a thing is.
const PLACES = [["\n", "\n"], [" ", "\n"], ["\n", " "], [" ", " "], ["\n", ""], [" ", ""], ["", ""]];
const SHORT = 4; // letters of a word; a shorter one has no typing errors
const LONG = 6; // from here on a word may have two
const OTHER = 0.01; // errors that a word of another name counts more than one of the first name
const LENGTH = 0.001; // errors per letter that a name's word is longer or shorter
const MOST_LETTERS = 60; // of a typed word
const CLOSE = 1; // a near class has a common ancestor that is the parent of the parent of one of both, or nearer

export class ClassRanking {
  #classes; // {one, text, words, own}; words are positions in #words, the `own` first ones those of its first name
  #words = []; // {word, letters}

  constructor(classes) {
    const positions = new Map();
    const position = (word) => {
      if (!positions.has(word)) positions.set(word, this.#words.push({ word, letters: lettersOf(word) }) - 1);
      return positions.get(word);
    };
    this.#classes = classes.map((one) => {
      const text = ["", one.name, ...one.synonyms, ""].join("\n").toLowerCase();
      const own = new Set(wordsOf(one.name.toLowerCase()));
      return { one, text, words: [...new Set([...own, ...wordsOf(text)])].map(position), own: own.size };
    });
  }

  // Classes whose names contain a text, all without a text; if there are none, classes with similar names. The best come first.
  find(typed) {
    const text = typed.trim().toLowerCase();
    if (!text) return this.#classes.map(({ one }) => one);
    const places = PLACES.map(() => []);
    for (const each of this.#classes) {
      if (!each.text.includes(text)) continue;
      places[PLACES.findIndex(([before, after]) => each.text.includes(before + text + after))].push(each.one);
    }
    const found = places.flat();
    return found.length ? found : this.#findSimilar(wordsOf(text));
  }

  // Each typed word must be similar to a word of a class. Fewer errors are better, and then words of the same length.
  #findSimilar(typed) {
    const errors = typed.map((word) => this.#errorsOf(word.slice(0, MOST_LETTERS)));
    const found = [];
    for (const { one, words, own } of this.#classes) {
      const least = (of) => Math.min(...words.map((word, place) => of[word] + (place < own ? 0 : OTHER)));
      const sum = errors.reduce((total, of) => total + least(of), 0);
      if (sum < Infinity) found.push([sum, one]);
    }
    return found.sort(([a], [b]) => a - b).map(([, one]) => one);
  }

  // How far each word of the names is from a typed word.
  #errorsOf(typed) {
    const most = typed.length < SHORT ? 0 : typed.length < LONG ? 1 : 2;
    const letters = lettersOf(typed);
    return this.#words.map(({ word, letters: its }) => {
      if (countBits(letters & ~its) > most) return Infinity;
      return countErrors(typed, word, most) + LENGTH * Math.abs(word.length - typed.length);
    });
  }

  // Other classes that are near some classes in the hierarchy, the nearest first.
  near(ids) {
    const paths = this.#classes.filter(({ one }) => ids.has(one.id)).map(({ one }) => one.path).filter(Boolean);
    const steps = (path) => Math.min(...paths.map((other) => stepsUp(path, other)));
    const found = this.#classes.filter(({ one }) => one.path && !ids.has(one.id)).map(({ one }) => [steps(one.path), one]);
    const close = found.filter(([up]) => up <= CLOSE);
    return close.sort(([a], [b]) => a - b).map(([, one]) => one);
  }
}

const wordsOf = (text) => text.match(/[\p{L}\p{N}]+/gu) ?? [];

// Steps from the deeper parent of two classes to their deepest common ancestor. A path has the ancestors of a class, the
// root first; a common root alone is not near, unless it is the parent of both.
function stepsUp(path, other) {
  let common = 0;
  while (common < path.length && path[common] === other[common]) common += 1;
  const steps = Math.max(path.length, other.length) - common;
  return common > Math.min(steps, 1) ? steps : Infinity;
}

// The fewest errors (a letter too many, missing, wrong, or two exchanged) that turn the beginning of a name's word into a
// typed word; Infinity if more than `most`. It is the beginning, since the rater may type on.
export function countErrors(typed, word, most) {
  if (word.length < typed.length - most) return Infinity;
  const length = Math.min(word.length, typed.length + most);
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
    if (fewest > most) return Infinity;
    [before, last, now] = [last, now, before];
  }
  const fewest = Math.min(...last);
  return fewest > most ? Infinity : fewest;
}

// Which letters a word has, as bits. A letter that only the typed word has is an error, which saves most comparisons.
function lettersOf(word) {
  let letters = 0;
  for (let place = 0; place < word.length; place += 1) letters |= 1 << word.charCodeAt(place) % 32;
  return letters;
}

function countBits(bits) {
  let count = 0;
  for (let left = bits; left; left &= left - 1) count += 1;
  return count;
}
