import assert from "node:assert/strict";
import { test } from "node:test";

import { turnOn } from "./turning.ts";

const TABLE: [key: string, done: string][] = [
  ["ArrowRight", "on"], ["PageDown", "on"], ["ArrowLeft", "back"], ["PageUp", "back"],
  ["Home", "page 0"], ["End", "page 4"], ["1", "page 0"], ["5", "page 4"],
  ["6", "nothing"], // there are five
  ["0", "nothing"], ["a", "nothing"], [" ", "stop"],
];
for (const [key, done] of TABLE)
  test(`"${key}" does ${done}`, () => {
    let did = "nothing";
    const playlist = {
      pages: 5, stopped: false,
      step: (by: number) => { did = by > 0 ? "on" : "back"; },
      show: (page: number) => { did = `page ${page}`; },
    };
    turnOn(key, playlist)?.();
    assert.equal(playlist.stopped ? "stop" : did, done);
  });
