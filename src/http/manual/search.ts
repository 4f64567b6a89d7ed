/**
 * Finds words in the manual.
 *
 * @module
 */

import type { ManualPage, Section } from "./markdown.ts";

/** A section that has all the words. */
export interface Found {
  /** The page. */
  readonly page: ManualPage;
  /** Its section. */
  readonly section: Section;
  /** Some text around the first word, in parts. */
  readonly excerpt: readonly Excerpt[];
}

/** A part of an excerpt. */
export interface Excerpt {
  /** The text. */
  readonly text: string;
  /** Whether it is one of the words searched for. */
  readonly isMatch: boolean;
}

const MAX_FOUND = 30;
const MAX_WORDS = 8;
/** Letters of an excerpt, before the first word found and in all. */
const BEFORE = 60;
const LENGTH = 220;

/** Sections that have every word of `query`, those with the words in a heading first. */
export function searchManual(pages: readonly ManualPage[], query: string): Found[] {
  const words = query.toLowerCase().split(/\s+/).filter((word) => word !== "").slice(0, MAX_WORDS);
  if (words.length === 0) return [];
  const found = pages.flatMap((page) =>
    page.sections.flatMap((section) => {
      const score = scoreOf(page, section, words);
      return score === 0 ? [] : [{ page, section, score }];
    })
  );
  return found.sort((a, b) => b.score - a.score).slice(0, MAX_FOUND)
    .map(({ page, section }) => ({ page, section, excerpt: excerptOf(section.text, words) }));
}

/** 0 when a word is missing. */
function scoreOf(page: ManualPage, section: Section, words: readonly string[]): number {
  const heading = section.heading.toLowerCase();
  const title = page.title.toLowerCase();
  const text = section.text.toLowerCase();
  let score = 0;
  for (const word of words) {
    if (heading.includes(word)) score += section.level === 1 ? 20 : 10;
    else if (title.includes(word)) score += 3;
    else if (text.includes(word)) score += 1;
    else return 0;
  }
  return score;
}

function excerptOf(text: string, words: readonly string[]): Excerpt[] {
  const lower = text.toLowerCase();
  const places = words.map((word) => lower.indexOf(word)).filter((place) => place >= 0);
  const from = places.length === 0 ? 0 : Math.max(0, Math.min(...places) - BEFORE);
  const start = from === 0 ? 0 : text.indexOf(" ", from) + 1;
  const part = text.slice(start, start + LENGTH);
  const pattern = new RegExp(`(${words.map((word) => RegExp.escape(word)).join("|")})`, "gi");
  const parts = part.split(pattern).map((text, at) => ({ text, isMatch: at % 2 === 1 }));
  const cut = { text: "…", isMatch: false };
  return [
    ...(start > 0 ? [cut] : []),
    ...parts.filter(({ text }) => text !== ""),
    ...(start + LENGTH < text.length ? [cut] : []),
  ];
}
