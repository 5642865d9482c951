// words.ts - codes of the API in the reader's language, figures as people read them

import { langNow, tr } from './lang';

type Words = Record<string, readonly [en: string, zh: string]>;

const said = (words: Words, code: string | null | undefined): string => {
  const w = code ? words[code] : undefined;
  return w ? tr(w[0], w[1]) : (code ?? '-');
};

// Reasons of a choice: src/select/reason.c has the list, and a test compares.
const rules: Words = {
  clearance: ['data level', '数据级别'],
  region: ['region', '区域'],
  not_admitted: ['admission', '准入'],
  not_named: ['other pools', '指定其他池'],
  accelerator: ['accelerators', '加速卡'],
  cpu: ['cpus', 'CPU'],
  memory: ['memory', '内存'],
  nodes: ['nodes', '节点数'],
  image: ['image', '镜像'],
  walltime: ['walltime', '最长时间'],
  latency: ['latency', '时延'],
  deadline: ['deadline', '截止时间'],
  budget: ['budget', '预算'],
  quota: ['quota', '配额'],
  stale: ['stale news', '状态过期'],
  drained: ['drained', '已排空'],
  down: ['down', '不可用'],
  full: ['no room now', '暂无空闲'],
  behind: ['promised', '已预留'],
  dependency: ['dependency', '依赖'],
  array_limit: ['array limit', '数组上限'],
  backoff: ['retry', '重试'],
  held: ['held', '保留'],
};
export const ruleText = (code: string): string => said(rules, code);

const states: Words = {
  submitted: ['submitted', '已提交'],
  waiting: ['waiting', '等待中'],
  sending: ['sending', '派发中'],
  queued: ['queued', '已入队'],
  running: ['running', '运行中'],
  done: ['done', '已完成'],
  failed: ['failed', '失败'],
  cancelled: ['cancelled', '已取消'],
  refused: ['refused', '已拒绝'],
};
export const stateNames = Object.keys(states);
export const stateText = (code: string): string => said(states, code);
export const stateColour: Record<string, string> = {
  submitted: 'default', waiting: 'gold', sending: 'blue', queued: 'blue', running: 'processing',
  done: 'success', failed: 'error', cancelled: 'default', refused: 'error',
};

const outcomes: Words = {
  chosen: ['chosen', '已选定'],
  waiting: ['waits', '等待'],
  refused: ['refused', '拒绝'],
};
export const outcomeText = (code: string): string => said(outcomes, code);

const roles: Words = {
  user: ['user', '用户'],
  operator: ['operator', '运维人员'],
  admin: ['admin', '系统管理员'],
  security: ['security', '安全管理员'],
  auditor: ['auditor', '审计员'],
};
export const roleNames = Object.keys(roles);
export const roleText = (code: string): string => said(roles, code);

const ends: Words = {
  exit: ['exit', '退出'],
  signal: ['signal', '信号终止'],
  walltime: ['walltime', '超时'],
  memory: ['memory', '内存超限'],
  stopped: ['stopped', '被停止'],
  not_started: ['not started', '未能启动'],
  lost: ['lost', '丢失'],
};
export const endText = (code: string | null): string => said(ends, code);

const entries: Words = {
  run: ['run', '运行'],
  refund: ['refund', '退款'],
  budget: ['budget', '预算'],
  voucher: ['voucher', '算力券'],
  withdrawal: ['withdrawal', '撤回'],
};
export const entryText = (code: string): string => said(entries, code);

// GB/T 43697-2024: general data in four levels here, then important and core.
export type Level = 1 | 2 | 3 | 4 | 'important' | 'core';
export const levels: Level[] = [1, 2, 3, 4, 'important', 'core'];
export const levelText = (l: Level | undefined): string =>
  l === undefined ? '-' : l === 'important' ? tr('important', '重要') : l === 'core' ? tr('core', '核心') : String(l);

// Millionths of a yuan are integers up to 9e15, which a double holds exactly.
export function yuan(micro: number | undefined): string {
  if (micro === undefined) return '-';
  const sign = micro < 0 ? '-' : '';
  const abs = Math.abs(micro);
  const whole = Math.floor(abs / 1e6);
  const rest = String(abs % 1e6).padStart(6, '0').replace(/0{0,4}$/, '');
  return `${sign}¥${whole.toLocaleString('en')}.${rest}`;
}

export function micro(text: string): number | null {
  const m = /^(-?)(\d{1,9})(?:\.(\d{1,6}))?$/.exec(text.trim());
  if (!m) return null;
  const n = Number(m[2]) * 1e6 + Number((m[3] ?? '').padEnd(6, '0'));
  return m[1] ? -n : n;
}

export function seconds(s: number | null | undefined): string {
  if (s === null || s === undefined) return '-';
  const units: [number, string, string][] = [[86400, 'd', '天'], [3600, 'h', '小时'], [60, 'min', '分'], [1, 's', '秒']];
  const i = Math.max(0, units.findIndex(([n]) => s >= n));
  const at = s === 0 ? 3 : i;
  const [n, en, zh] = units[at];
  const big = `${Math.floor(s / n)} ${tr(en, zh)}`;
  const rest = at < 3 ? Math.floor((s % n) / units[at + 1][0]) : 0;
  return rest ? `${big} ${rest} ${tr(units[at + 1][1], units[at + 1][2])}` : big;
}

export function when(t: string | null | undefined): string {
  if (!t) return '-';
  return new Date(t).toLocaleString(langNow() === 'zh' ? 'zh-CN' : 'en-GB', { hourCycle: 'h23' });
}

// Days of statements are those of Beijing, wherever the browser is.
export const today = (): string => new Date().toLocaleDateString('sv-SE', { timeZone: 'Asia/Shanghai' });

export function day(t: string): string {
  return new Date(t).toLocaleDateString(langNow() === 'zh' ? 'zh-CN' : 'en-GB', { timeZone: 'Asia/Shanghai' });
}

// So many, and of how many when there is a limit.
export const outOf = (n: number, max?: number): string => (max === undefined ? String(n) : `${n} / ${max}`);

export const percent = (x: number): string => `${(x * 100).toFixed(1).replace(/\.0$/, '')} %`;
