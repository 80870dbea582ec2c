import assert from "node:assert/strict";
import { test } from "node:test";

import { Parser } from "./stream.ts";

function parsed(...chunks: string[]): { events: [string, string, string | null][]; retries: number[] } {
  const events: [string, string, string | null][] = [];
  const retries: number[] = [];
  const parser = new Parser((...event) => events.push(event), (milliseconds) => retries.push(milliseconds));
  for (const chunk of chunks) parser.feed(chunk);
  return { events, retries };
}

test("an event may come in any pieces", () => {
  const whole = "id: 7-12\nevent: widget\ndata: {\"id\":\ndata: 1}\n\n";
  for (let cut = 1; cut < whole.length; cut += 1)
    assert.deepEqual(parsed(whole.slice(0, cut), whole.slice(cut)).events, [["widget", '{"id":\n1}', "7-12"]]);
});
test("CRLF ends one line, also when it is cut in two", () =>
  assert.deepEqual(parsed("data: a\r", "\ndata: b\r\n\r\n").events, [["message", "a\nb", null]]));
test("comments and events without data say nothing", () => assert.deepEqual(parsed(": keep-alive\n\nevent: x\n\n").events, []));
test("the hub says how long to wait", () => assert.deepEqual(parsed("retry: 1500\nretry: soon\n\n").retries, [1500]));
test("an id stays until another comes", () =>
  assert.deepEqual(parsed("id: 3-1\ndata: a\n\ndata: b\n\n").events.map(([, , id]) => id), ["3-1", "3-1"]));
