// What all suites share: waiting for a condition, never for a time.

import { setTimeout as sleep } from 'node:timers/promises'

// Far beyond what anything here takes, also on a busy machine.
const PATIENCE_MS = 30_000
const LOOK_MS = 50

/** Looks until `condition` gives something true, and gives that. */
export async function until(what, condition) {
  const deadline = Date.now() + PATIENCE_MS
  while (Date.now() < deadline) {
    const found = await condition()
    if (found) return found
    await sleep(LOOK_MS)
  }
  throw new Error(`waited ${PATIENCE_MS / 1000} s in vain until ${what}`)
}

/** All that a paginator has, page by page. */
export async function allOf(paginator) {
  const found = []
  while (paginator.hasNext) found.push(...(await paginator.nextItems()))
  return found
}
