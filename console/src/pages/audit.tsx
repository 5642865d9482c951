// audit.tsx - the chain, entry by entry; that it was read is in it as well

import { Card, Tag } from 'antd';

import { useGet, usePages } from '../api';
import { tr } from '../lang';
import { List, Refused } from '../parts';
import type { Entry } from '../types';
import { when } from '../words';

function Chain({ last }: { last: number }) {
  const pages = usePages<Entry>(`/v1/audit?after=${Math.max(0, last - 50)}`, 'entries');
  const newest = { ...pages, items: [...pages.items].reverse(), more: false };

  return (
    <List
      pages={newest} id="no"
      expand={(e) => <pre className="log">{e.shown ? JSON.stringify(e.shown, null, 2) : (e.body ?? tr('(pruned, or not to be shown)', '（已清理或不可展示）'))}</pre>}
      columns={[
        { title: tr('No.', '序号'), dataIndex: 'no' },
        { title: tr('When', '时间'), render: (_, e) => when(e.at) },
        { title: tr('What', '内容'), render: (_, e) => <>{e.kind} {e.fault && <Tag color="error">{tr('altered', '已被改动')}: {e.fault}</Tag>}</> },
        { title: tr('Who', '操作者'), dataIndex: 'actor' },
        { title: tr('Task', '任务'), render: (_, e) => (e.subject ? <a href={`#/tasks/${e.subject}`}>{e.subject}</a> : '-') },
        { title: tr('Hash', '哈希'), render: (_, e) => <span className="mono" title={e.hash}>{e.hash.slice(0, 16)}…</span> },
      ]}
    />
  );
}

export function AuditPage() {
  const head = useGet<{ no: number; hash: string | null; digest: string | null }>('/v1/audit/head');

  return (
    <Card
      title={tr('Audit log', '审计日志')}
      extra={head.data?.hash && <span className="muted">{head.data.digest?.toUpperCase()} · {tr('head', '链头')} {head.data.no} · <span className="mono">{head.data.hash.slice(0, 16)}…</span></span>}
    >
      <p className="muted">
        {tr('The last entries. The whole chain: suanlu audit export; whether it was altered: suanlu audit verify. Reading it is recorded.',
            '最近的记录。导出完整链：suanlu audit export；检查是否被改动：suanlu audit verify。查阅本身也会被记录。')}
      </p>
      <Refused error={head.error} />
      {head.data && <Chain last={head.data.no} />}
    </Card>
  );
}
