// api.ts - the one way to the node: fetch with the session's cookie, refusals as they came

import { useCallback, useEffect, useRef, useState } from 'react';

import { langNow, tr } from './lang';

// The object Error of doc/openapi.yaml; texts come in the language that was asked for.
export class Refusal extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly detail?: string,
    readonly hint?: string,
    readonly field?: string,
  ) {
    super(message);
  }

  text(): string {
    return [this.field, this.detail ?? this.message, this.hint].filter(Boolean).join(': ');
  }
}

export function refusalText(e: unknown): string {
  return e instanceof Refusal ? e.text() : String(e);
}

// Told when the node does not know us any more.
let onStranger = () => {};
export function whenStranger(fn: () => void): void {
  onStranger = fn;
}

// A wrong old password is 401 as well.
async function lookWhetherStranger(): Promise<void> {
  const r = await fetch('/v1/session').catch(() => null);
  if (r?.status === 401) onStranger();
}

async function refusal(r: Response): Promise<Refusal> {
  try {
    const e = await r.json();
    return new Refusal(r.status, e.code, e.message, e.detail ?? undefined, e.hint ?? undefined, e.field);
  } catch {
    return new Refusal(r.status, 'unavailable', `HTTP ${r.status}`);
  }
}

async function ask(method: string, path: string, body?: unknown): Promise<Response> {
  const headers: Record<string, string> = { 'Accept-Language': langNow() === 'zh' ? 'zh-CN' : 'en' };
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  let r: Response;
  try {
    r = await fetch(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
  } catch {
    throw new Refusal(0, 'unavailable', tr('the node does not answer', '节点没有应答'));
  }
  if (r.ok) return r;
  const e = await refusal(r);
  if (r.status === 401 && path !== '/v1/session') void lookWhetherStranger();
  throw e;
}

export async function call<T>(method: string, path: string, body?: unknown): Promise<T> {
  const r = await ask(method, path, body);
  if (r.status === 204) return undefined as T;
  try {
    return (await r.json()) as T;
  } catch {
    throw new Refusal(0, 'unavailable', tr('the answer is not one of a node', '应答不是来自节点'));
  }
}

// The end of a log, so many bytes of it at most.
export async function tail(path: string, most: number): Promise<{ text: string; cut: boolean }> {
  let r = await ask('GET', `${path}&limit=${most}`);
  const size = Number(r.headers.get('X-Log-Size'));
  if (size > most) r = await ask('GET', `${path}&limit=${most}&offset=${size - most}`);
  return { text: await r.text(), cut: size > most };
}

type Send = <A>(method: string, path: string, body?: unknown) => Promise<A>;

// Something is changed, and what is shown is asked for again.
function sender(reload: () => void): Send {
  return async <A,>(method: string, path: string, body?: unknown) => {
    const answer = await call<A>(method, path, body);
    reload();
    return answer;
  };
}

export interface Loaded<T> {
  data?: T;
  error?: Refusal;
  loading: boolean;
  reload: () => void;
  send: Send;
}

// GET path now, again on reload(), and every `everyS` seconds while the page is looked at.
export function useGet<T>(path: string | null, everyS = 0): Loaded<T> {
  const [state, set] = useState<{ of: string | null; data?: T; error?: Refusal }>({ of: null });
  const busy = useRef(false);
  const [turn, setTurn] = useState(0);
  const reload = useCallback(() => setTurn((n) => n + 1), []);

  useEffect(() => {
    if (path === null) return;
    let here = true;
    busy.current = true;
    call<T>('GET', path).then(
      (data) => here && set({ of: path, data }),
      (error) => here && set((s) => ({ of: path, data: s.of === path ? s.data : undefined, error })),
    ).finally(() => {
      if (here) busy.current = false;
    });
    return () => {
      here = false;
    };
  }, [path, turn]);
  useEffect(() => {
    if (!everyS) return;
    // A slow answer is waited for, or none would ever be seen.
    const timer = setInterval(() => document.visibilityState === 'visible' && !busy.current && reload(), everyS * 1000);
    return () => clearInterval(timer);
  }, [everyS, reload]);
  // What was answered for another path is not of this one.
  const all = { reload, send: sender(reload) };
  return state.of === path ? { ...state, loading: false, ...all } : { loading: path !== null, ...all };
}

export interface Pages<T> {
  items: T[];
  more: boolean;
  error?: Refusal;
  loading: boolean;
  next: () => void;
  reload: () => void;
  send: Send;
}

// A list of the API, a page at a time: {KEY: […], next}; `next` goes into the parameter `by`.
export function usePages<T>(path: string, key: string, by = 'after'): Pages<T> {
  const [state, set] = useState<{ of: string | null; items: T[]; next: unknown; error?: Refusal }>(
    { of: null, items: [], next: null });
  const [turn, setTurn] = useState(0);
  const load = useCallback(async (from: unknown) => {
    const sign = path.includes('?') ? '&' : '?';
    const page = `${path}${sign}limit=50${from === null ? '' : `&${by}=${encodeURIComponent(String(from))}`}`;
    return call<Record<string, unknown>>('GET', page);
  }, [path, by]);

  useEffect(() => {
    let here = true;
    load(null).then(
      (d) => here && set({ of: path, items: d[key] as T[], next: d.next }),
      (error) => here && set({ of: path, items: [], next: null, error }),
    );
    return () => {
      here = false;
    };
  }, [load, path, key, turn]);
  // Pressed twice, or answered when the list is another one: once, or not at all.
  const next = useCallback(() => {
    const at = state.next;
    load(at).then(
      (d) => set((s) => (s.of === path && s.next === at ? { of: path, items: [...s.items, ...(d[key] as T[])], next: d.next } : s)),
      (error) => set((s) => (s.of === path ? { ...s, error } : s)),
    );
  }, [load, path, key, state.next]);
  const reload = useCallback(() => setTurn((n) => n + 1), []);
  const mine = state.of === path;
  return { items: mine ? state.items : [], more: mine && state.next !== null, error: mine ? state.error : undefined, loading: !mine, next, reload, send: sender(reload) };
}
