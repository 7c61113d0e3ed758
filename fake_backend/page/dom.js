// Elements, and text for them. Nothing here or elsewhere writes markup: what is shown was sent by anybody.

export const byId = (id) => document.getElementById(id);

export function make(tag, { text, ...properties } = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  if (text !== undefined) element.textContent = text;
  element.append(...children);
  return element;
}

// Only where it differs: a live region speaks, and a layout is computed, for each write.
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

// Control characters, and those that turn the direction of writing, would make a text look like another.
const MISLEADING = /[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu;

export function printable(text, most = 200) {
  const shown = text.length > most ? `${text.slice(0, most)}…` : text;
  return shown.replace(MISLEADING, (each) => `\\u{${each.codePointAt(0).toString(16)}}`);
}

// Names that begin alike, and end so, are told apart by both.
export function middleCut(text, most) {
  if (text.length <= most) return printable(text, most);
  const half = Math.floor((most - 1) / 2);
  return `${printable(text.slice(0, half), half)}…${printable(text.slice(-half), half)}`;
}

const grouped = new Intl.NumberFormat("en");
export const count = (number) => grouped.format(number);
export const counted = (number, what) => `${count(number)} ${what}${number === 1 ? "" : "s"}`;

export function duration(seconds) {
  if (seconds < 0.0995) return `${(seconds * 1000).toFixed(seconds < 0.00995 ? 1 : 0)} ms`;
  return seconds < 100 ? `${seconds.toPrecision(2)} s` : `${count(Math.round(seconds))} s`;
}

// Many changes are drawn once, with the next picture.
export function eachFrame(draw) {
  let asked = false;
  return () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      draw();
    });
  };
}
