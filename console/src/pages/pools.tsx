// pools.tsx - where work may run: labels, room, prices; and what operators and security may change

import { Card, Form, Input, Select, Space, Tag, Tooltip } from 'antd';

import { type Pages, usePages } from '../api';
import { langNow, tr } from '../lang';
import { Ask, filled, List, ReasonField } from '../parts';
import type { Pool, Session } from '../types';
import { levels, levelText, percent } from '../words';

function State({ pool: { state } }: { pool: Pool }) {
  const tags: [boolean, string, string][] = [
    [state.down, 'error', tr('down', '不可用')],
    [state.stale, 'warning', tr('stale', '状态过期')],
    [state.drained, 'default', tr('drained', '已排空')],
  ];
  const on = tags.filter(([is]) => is);

  return (
    <Tooltip title={langNow() === 'zh' ? (state.why_zh ?? state.why) : state.why}>
      {on.length ? on.map(([, colour, text]) => <Tag key={text} color={colour}>{text}</Tag>)
        : <Tag color="success">{tr('in service', '服务中')}</Tag>}
    </Tooltip>
  );
}

function Change({ pool, who, pages }: { pool: Pool; who: Session; pages: Pages<Pool> }) {
  const post = (what: string) => (v: object) =>
    pages.send('POST', `/v1/pools/${pool.name}/${what}`, what === 'resume' ? undefined : filled(v));

  return (
    <Space>
      {who.roles.includes('operator') && (pool.state.drained ? (
        <Ask small button={tr('Resume', '恢复')} title={tr(`Resume ${pool.name}?`, `恢复 ${pool.name}？`)} onGo={post('resume')} />
      ) : (
        <Ask small button={tr('Drain', '排空')} title={tr(`${pool.name}: no new work`, `${pool.name}：不再接收新任务`)} onGo={post('drain')}>
          <Form.Item name="reason" label={tr('Reason', '原因')}><Input maxLength={150} /></Form.Item>
        </Ask>
      ))}
      {who.roles.includes('security') && (
        <Ask small button={tr('Clearance', '安全等级')} title={tr(`${pool.name}: what it may see`, `${pool.name}：可处理的数据`)} onGo={post('clearance')}>
          <Form.Item name="clearance" label={tr('Highest data level', '最高数据级别')}>
            <Select allowClear options={levels.map((l) => ({ value: l, label: levelText(l) }))} />
          </Form.Item>
          <Form.Item name="region" label={tr('Region', '区域')}><Input placeholder={pool.region} /></Form.Item>
          <ReasonField />
        </Ask>
      )}
    </Space>
  );
}

export function PoolsPage({ who }: { who: Session }) {
  const pages = usePages<Pool>('/v1/pools', 'pools');
  const free = (n: number, of: number) => `${Math.floor(n)} / ${of}`;

  return (
    <Card>
      <List
        pages={pages} id="name"
        columns={[
          { title: tr('Pool', '资源池'), dataIndex: 'name' },
          { title: tr('Title', '名称'), render: (_, p) => (langNow() === 'zh' ? (p.title_zh ?? p.title) : p.title) ?? '-' },
          { title: tr('Engine', '引擎'), dataIndex: 'engine' },
          { title: tr('Region', '区域'), dataIndex: 'region' },
          {
            title: tr('Clearance', '安全等级'),
            render: (_, p) => (
              <Tooltip title={tr(`declared ${levelText(p.label.declared.clearance)}, confirmed ${levelText(p.label.confirmed.clearance)}`,
                                 `配置声明 ${levelText(p.label.declared.clearance)}，安全管理员确认 ${levelText(p.label.confirmed.clearance)}`)}
              >
                {levelText(p.clearance)}
              </Tooltip>
            ),
          },
          { title: tr('State', '状态'), render: (_, p) => <State pool={p} /> },
          { title: tr('CPUs free', '空闲 CPU'), render: (_, p) => free(p.state.cpus_free, p.state.cpus) },
          { title: tr('Accelerators free', '空闲加速卡'), render: (_, p) => free(p.state.accelerators_free, p.state.accelerators) },
          { title: tr('Yuan per CPU hour', '元/CPU 时'), render: (_, p) => p.price.cpu_hour },
          { title: tr('Yuan per card hour', '元/卡时'), render: (_, p) => p.price.accelerator_hour },
          { title: tr('Green', '绿电'), render: (_, p) => percent(p.green_share) },
          { title: '', render: (_, p) => <Change pool={p} who={who} pages={pages} /> },
        ]}
      />
    </Card>
  );
}
