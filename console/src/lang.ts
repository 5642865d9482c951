// lang.ts - the reader's language: every text stands in both at the place where it is used

export type Lang = 'zh' | 'en';

const KEY = 'suanlu.lang';

function first(): Lang {
  const kept = localStorage.getItem(KEY);
  if (kept === 'zh' || kept === 'en') return kept;
  return navigator.languages.some((l) => l.startsWith('zh')) ? 'zh' : 'en';
}

let lang: Lang = first();

export function langNow(): Lang {
  return lang;
}

// The caller draws everything again.
export function langSet(l: Lang): void {
  lang = l;
  localStorage.setItem(KEY, l);
}

export function tr(en: string, zh: string): string {
  return lang === 'zh' ? zh : en;
}
