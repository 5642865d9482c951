// datasets.tsx - labels of data, and the page for an inspector: where has this data set been?

import { Button, Card, Form, Input, InputNumber, Select, Space, Table, Tag } from 'antd';

import { useGet, usePages } from '../api';
import { tr } from '../lang';
import { Ask, Facts, filled, List, Refused } from '../parts';
import type { Dataset, Report, Session } from '../types';
import { levels, levelText, ruleText, when } from '../words';

function Fields({ fixed }: { fixed?: boolean }) {
  return (
    <>
      <Form.Item name="name" label={tr('Name', '名称')} rules={[{ required: true }]}><Input disabled={fixed} /></Form.Item>
      <Form.Item name="url" label={tr('Place', '位置')} rules={[{ required: true }]}><Input placeholder="https://… · s3://… · file:///…" /></Form.Item>
      <Form.Item name="level" label={tr('Level', '级别')} rules={[{ required: true }]}>
        <Select options={levels.map((l) => ({ value: l, label: levelText(l) }))} />
      </Form.Item>
      <Form.Item name="region" label={tr('Region', '所在区域')} rules={[{ required: true }]}><Input placeholder="cn/50/500106" /></Form.Item>
      <Form.Item name="stay_within" label={tr('Must not leave', '不得离开区域')}><Input placeholder="cn/50" /></Form.Item>
      <Form.Item name="owner" label={tr('Owner', '责任人')}><Input /></Form.Item>
      <Form.Item name="size_mb" label={tr('Size, MB', '大小 MB')}><InputNumber min={0} precision={0} /></Form.Item>
      <Form.Item
        name="reason" label={tr('Reason', '原因')}
        extra={tr('Needed to lower a label, which only the security role may.', '降低标签必须说明原因，且仅限安全管理员。')}
      >
        <Input maxLength={400} />
      </Form.Item>
    </>
  );
}

export function DatasetsPage({ who }: { who: Session }) {
  const pages = usePages<Dataset>('/v1/datasets', 'datasets');
  const may = who.roles.includes('user') || who.roles.includes('security');
  const reads = who.roles.includes('security') || who.roles.includes('auditor');
  const put = (v: object) => pages.send('POST', '/v1/datasets', filled(v));
  const change = (d: Dataset): Partial<Dataset> =>
    ({ name: d.name, url: d.url, level: d.level, region: d.region, stay_within: d.stay_within, owner: d.owner, size_mb: d.size_mb });

  return (
    <Card>
      {may && <div className="bar"><Ask button={tr('Register', '登记')} title={tr('A data set', '数据集')} onGo={put}><Fields /></Ask></div>}
      <List
        pages={pages} id="name"
        columns={[
          { title: tr('Name', '名称'), render: (_, d) => (reads ? <a href={`#/datasets/${d.name}`}>{d.name}</a> : d.name) },
          { title: tr('Level', '级别'), render: (_, d) => <Tag color={typeof d.level === 'string' ? 'red' : undefined}>{levelText(d.level)}</Tag> },
          { title: tr('Region', '所在区域'), dataIndex: 'region' },
          { title: tr('Must not leave', '不得离开区域'), render: (_, d) => d.stay_within ?? '-' },
          { title: tr('Tenant', '租户'), dataIndex: 'tenant' },
          { title: tr('Owner', '责任人'), render: (_, d) => d.owner ?? '-' },
          { title: tr('Place', '位置'), render: (_, d) => <span className="mono">{d.url}</span> },
          {
            title: '',
            render: (_, d) => may && (
              <Ask small button={tr('Change', '修改')} title={d.name} onGo={put} initial={change(d)}><Fields fixed /></Ask>
            ),
          },
        ]}
      />
    </Card>
  );
}

// ---- where has it been ----

const rules = (r: Record<string, string[]>): string =>
  Object.entries(r).map(([pool, why]) => `${pool}: ${why.map(ruleText).join(tr(', ', '、'))}`).join(tr('; ', '；'));

const counted = (r: Record<string, number>): string =>
  Object.entries(r).map(([why, n]) => `${ruleText(why)} × ${n}`).join(tr(', ', '、')) || '-';

function Been({ r }: { r: Report }) {
  return (
    <>
      <Card title={tr(`Where has ${r.dataset} been?`, `${r.dataset} 去过哪里？`)} extra={<Space className="noprint"><a href="#/datasets">{tr('All data sets', '所有数据集')}</a><Button size="small" onClick={() => print()}>{tr('Print', '打印')}</Button></Space>}>
        <Facts
          column={4}
          items={[
            [tr('Submissions', '提交'), r.submissions_before ? `${r.submissions} (${tr('before its registration', '登记之前')}: ${r.submissions_before})` : r.submissions],
            [tr('Decisions', '决策'), r.decisions],
            [tr('Runs', '运行'), r.runs_in_all],
          ]}
        />
        <Table
          size="small" pagination={false} rowKey="pool" dataSource={r.pools} scroll={{ x: 'max-content' }}
          columns={[
            { title: tr('Pool', '资源池'), dataIndex: 'pool' },
            { title: tr('Runs there', '在此运行'), dataIndex: 'runs' },
            { title: tr('Refused, and why', '被拒原因与次数'), render: (_, p) => counted(p.refused) },
          ]}
        />
      </Card>
      <Card title={tr('Its label', '标签变更')}>
        <Table
          size="small" pagination={false} rowKey="at" dataSource={r.labels} scroll={{ x: 'max-content' }}
          columns={[
            { title: tr('When', '时间'), render: (_, l) => when(l.at) },
            { title: tr('By', '操作者'), render: (_, l) => l.by ?? '-' },
            { title: tr('Level', '级别'), render: (_, l) => (l.removed ? tr('removed', '已注销') : levelText(l.data?.level)) },
            { title: tr('Region', '区域'), render: (_, l) => l.data?.region ?? '-' },
            { title: tr('Must not leave', '不得离开区域'), render: (_, l) => l.data?.stay_within ?? '-' },
            { title: tr('Reason', '原因'), render: (_, l) => l.reason ?? '-' },
          ]}
        />
      </Card>
      <Card title={tr('Runs', '运行')}>
        <Table
          size="small" rowKey={(x) => `${x.task}/${x.at}`} dataSource={r.runs} scroll={{ x: 'max-content' }}
          columns={[
            { title: tr('Task', '任务'), render: (_, x) => <a href={`#/tasks/${x.task}`}>{x.task}</a> },
            { title: tr('Tenant', '租户'), dataIndex: 'tenant' },
            { title: tr('Pool', '资源池'), dataIndex: 'pool' },
            { title: tr('From', '开始'), render: (_, x) => when(x.at) },
            { title: tr('Until', '结束'), render: (_, x) => when(x.ended) },
            { title: tr('How it ended', '结束方式'), render: (_, x) => x.how ?? '-' },
          ]}
        />
      </Card>
      <Card title={tr('Decisions', '决策')}>
        <Table
          size="small" rowKey={(x) => `${x.task}/${x.at}/${x.what}`} dataSource={r.decided} scroll={{ x: 'max-content' }}
          columns={[
            { title: tr('When', '时间'), render: (_, x) => when(x.at) },
            { title: tr('Task', '任务'), dataIndex: 'task' },
            { title: tr('What', '内容'), dataIndex: 'what' },
            { title: tr('Pool', '资源池'), render: (_, x) => x.pool ?? '-' },
            { title: tr('Refused', '被拒'), render: (_, x) => rules(x.refused) || '-' },
          ]}
        />
      </Card>
    </>
  );
}

export function DatasetPage({ name }: { name: string }) {
  const report = useGet<Report>(`/v1/datasets/${encodeURIComponent(name)}/report`);

  if (!report.data) return <Card loading={report.loading}><Refused error={report.error} /></Card>;
  return <Been r={report.data} />;
}
