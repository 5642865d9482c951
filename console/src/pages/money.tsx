// money.tsx - budget, vouchers, prices, and the month's statement as a table or a file

import { Button, Card, DatePicker, Form, Input, InputNumber, Segmented, Select, Space, Switch, Table, Tag } from 'antd';
import dayjs, { type Dayjs } from 'dayjs';
import { useState } from 'react';

import { Refusal, useGet, usePages } from '../api';
import { langNow, tr } from '../lang';
import { Ask, Facts, filled, List, ReasonField, Refused } from '../parts';
import type { Budget, Price, Session, Statement, Voucher } from '../types';
import { day, entryText, micro, percent, today, when, yuan } from '../words';

const isOperator = (who: Session): boolean => who.roles.includes('operator');
const seesAll = (who: Session): boolean => who.roles.some((r) => r !== 'user');

// Of a sum that was typed; refused before anything is sent.
function typed(text: string): number {
  const n = micro(text);
  if (n === null) throw new Refusal(0, 'bad_request', '', tr('a sum in yuan, six decimals at most', '金额以元为单位，最多六位小数'));
  return n;
}

// ---- budget ----

function BudgetCard({ who }: { who: Session }) {
  const [tenant, setTenant] = useState(who.tenant);
  const b = useGet<Budget>(`/v1/budgets?tenant=${encodeURIComponent(tenant)}`);
  const change = async (v: { add?: string; limited: boolean; reason: string }) => {
    await b.send('POST', '/v1/budgets', { tenant, add_micro: v.add ? typed(v.add) : 0, limited: v.limited, reason: v.reason });
  };

  return (
    <Card
      title={tr('Budget', '预算')}
      extra={
        <Space>
          {seesAll(who) && <Input.Search defaultValue={tenant} onSearch={(t) => setTenant(t || who.tenant)} enterButton={tr('Tenant', '租户')} />}
          {isOperator(who) && b.data && (
            <Ask button={tr('Change', '调整')} title={tr(`Budget of ${tenant}`, `${tenant} 的预算`)} onGo={change} initial={{ limited: true }}>
              <Form.Item name="add" label={tr('Add, yuan (below zero takes away)', '增加 元（负数为减少）')}><Input placeholder="1000" /></Form.Item>
              <Form.Item name="limited" label={tr('Nothing starts that it could not bear', '预算不足时不启动任务')} valuePropName="checked"><Switch /></Form.Item>
              <ReasonField />
            </Ask>
          )}
        </Space>
      }
    >
      <Refused error={b.error} />
      {b.data && (
        <Facts
          column={3}
          items={[
            [tr('Left', '余额'), <span data-testid="budget">{b.data.limited ? yuan(b.data.available_micro) : tr('no limit', '不限')}</span>],
            [tr('Reserved for runs that are alive', '运行中任务预留'), yuan(b.data.held_micro)],
            [tr('Tenant', '租户'), b.data.tenant],
          ]}
        />
      )}
    </Card>
  );
}

// ---- vouchers ----

const rate = (v: Voucher): string => (typeof v.rate === 'number' ? percent(v.rate)
  : tr(`domestic chips ${percent(v.rate.domestic)}, others ${percent(v.rate.other)}`, `国产卡 ${percent(v.rate.domestic)}，其他 ${percent(v.rate.other)}`));

interface Issue { issuer: string; tenant: string; title?: string; source?: string; face: string; domestic: number; other: number; cap?: string; until: Dayjs }

function VouchersCard({ who }: { who: Session }) {
  const pages = usePages<Voucher>('/v1/vouchers', 'vouchers');
  const issue = async (v: Issue) => {
    await pages.send('POST', '/v1/vouchers', filled({
      issuer: v.issuer, tenant: v.tenant, title: v.title, source: v.source,
      face_micro: typed(v.face), year_cap_micro: v.cap ? typed(v.cap) : undefined,
      // The day that was picked is the last one, as it is counted in Beijing.
      rate: { domestic: v.domestic / 100, other: v.other / 100 }, valid_until: `${v.until.format('YYYY-MM-DD')}T23:59:59+08:00`,
    }));
  };

  return (
    <Card
      title={tr('Vouchers', '算力券')}
      extra={isOperator(who) && (
        <Ask<Issue> button={tr('Issue', '发放')} title={tr('A voucher', '算力券')} onGo={issue} initial={{ domestic: 30, other: 20 }}>
          <Form.Item name="issuer" label={tr('Issuer', '发放方')} rules={[{ required: true }]}><Input /></Form.Item>
          <Form.Item name="tenant" label={tr('Tenant', '租户')} rules={[{ required: true }]}><Input /></Form.Item>
          <Form.Item name="title" label={tr('Title', '名称')}><Input maxLength={200} /></Form.Item>
          <Form.Item name="source" label={tr('Where its rule was published', '依据的公开文件')}><Input maxLength={500} /></Form.Item>
          <Form.Item name="face" label={tr('It pays at most, yuan', '面额 元')} rules={[{ required: true }]}><Input placeholder="10000" /></Form.Item>
          <Space>
            <Form.Item name="domestic" label={tr('Domestic chips, %', '国产卡抵扣 %')}><InputNumber min={0} max={100} /></Form.Item>
            <Form.Item name="other" label={tr('Others, %', '其他抵扣 %')}><InputNumber min={0} max={100} /></Form.Item>
          </Space>
          <Form.Item name="cap" label={tr('In a year at most, yuan', '年度上限 元')}><Input /></Form.Item>
          <Form.Item name="until" label={tr('Valid until', '有效期至')} rules={[{ required: true }]}><DatePicker minDate={dayjs()} /></Form.Item>
        </Ask>
      )}
    >
      <List
        pages={pages} id="id"
        columns={[
          { title: tr('No.', '编号'), dataIndex: 'id' },
          { title: tr('Issuer', '发放方'), dataIndex: 'issuer' },
          { title: tr('Tenant', '租户'), dataIndex: 'tenant' },
          { title: tr('Title', '名称'), render: (_, v) => v.title ?? '-' },
          { title: tr('Pays', '抵扣比例'), render: (_, v) => rate(v) },
          { title: tr('Face', '面额'), align: 'right', render: (_, v) => yuan(v.face_micro) },
          { title: tr('Used', '已用'), align: 'right', render: (_, v) => yuan(v.used_micro) },
          { title: tr('Reserved', '预留'), align: 'right', render: (_, v) => yuan(v.held_micro) },
          { title: tr('Left', '剩余'), align: 'right', render: (_, v) => yuan(v.left_micro) },
          { title: tr('Valid until', '有效期至'), render: (_, v) => when(v.valid_until) },
          {
            title: '',
            render: (_, v) => (v.withdrawn ? <Tag>{tr('withdrawn', '已撤回')}</Tag> : isOperator(who) && (
              <Ask<{ reason: string }>
                small danger button={tr('Withdraw', '撤回')} title={tr(`Withdraw voucher ${v.id}?`, `撤回算力券 ${v.id}？`)}
                onGo={(r) => pages.send('POST', `/v1/vouchers/${v.id}/withdraw`, r)}
              >
                <ReasonField />
              </Ask>
            )),
          },
        ]}
      />
    </Card>
  );
}

// ---- prices ----

function PricesCard({ who }: { who: Session }) {
  const pages = usePages<Price>('/v1/prices', 'prices');
  const set = async (v: { pool: string; chip?: string; cpu_hour?: string; accelerator_hour?: string; from?: Dayjs; until?: Dayjs }) => {
    await pages.send('POST', '/v1/prices', filled({
      pool: v.pool, chip: v.chip, price: filled({ cpu_hour: v.cpu_hour, accelerator_hour: v.accelerator_hour }),
      valid_from: v.from?.toISOString(), valid_until: v.until?.toISOString(),
    }));
  };

  return (
    <Card
      title={tr('Prices set here', '在此设定的价格')}
      extra={isOperator(who) && (
        <Ask button={tr('Set a price', '设定价格')} title={tr('A price', '价格')} onGo={set}>
          <Form.Item name="pool" label={tr('Pool', '资源池')} rules={[{ required: true }]}><Input /></Form.Item>
          <Form.Item name="chip" label={tr('Chip (none: any)', '芯片（空为全部）')}><Input /></Form.Item>
          <Form.Item name="cpu_hour" label={tr('Yuan per CPU hour', '元/CPU 时')}><Input placeholder="0.30" /></Form.Item>
          <Form.Item name="accelerator_hour" label={tr('Yuan per card hour', '元/卡时')}><Input placeholder="12.50" /></Form.Item>
          <Form.Item name="from" label={tr('Valid from (none: now)', '生效时间（空为现在）')}><DatePicker showTime /></Form.Item>
          <Form.Item name="until" label={tr('Valid until', '失效时间')}><DatePicker showTime /></Form.Item>
        </Ask>
      )}
    >
      <List
        pages={pages} id="id"
        columns={[
          { title: tr('Pool', '资源池'), dataIndex: 'pool' },
          { title: tr('Chip', '芯片'), render: (_, p) => p.chip ?? tr('any', '全部') },
          { title: tr('Yuan per CPU hour', '元/CPU 时'), render: (_, p) => p.price.cpu_hour ?? '-' },
          { title: tr('Yuan per card hour', '元/卡时'), render: (_, p) => p.price.accelerator_hour ?? '-' },
          { title: tr('From', '生效'), render: (_, p) => when(p.valid_from) },
          { title: tr('Until', '失效'), render: (_, p) => when(p.valid_until) },
          { title: tr('By', '设定者'), dataIndex: 'by' },
        ]}
      />
    </Card>
  );
}

// ---- a month ----

function StatementCard({ who }: { who: Session }) {
  const [month, setMonth] = useState(dayjs(today()));
  const [party, setParty] = useState<'tenant' | 'owner' | 'issuer'>('tenant');
  const [name, setName] = useState(who.tenant);
  const [by, setBy] = useState('day');
  const path = `/v1/statements?month=${month.format('YYYY-MM')}&${party}=${encodeURIComponent(name)}&by=${by}`;
  const s = useGet<Statement>(name ? path : null);
  const file = (format: string) => `${path}&format=${format}&lang=${langNow()}`;

  return (
    <Card
      title={tr('Statement', '账单')}
      extra={s.data && (
        <Space>
          <Button href={file('xlsx')} download>Excel</Button>
          <Button href={file('csv')} download>CSV</Button>
        </Space>
      )}
    >
      <div className="bar">
        <DatePicker picker="month" value={month} allowClear={false} onChange={(m) => m && setMonth(m)} />
        <Segmented value={by} onChange={setBy} options={[{ value: 'day', label: tr('by day', '按日') }, { value: 'run', label: tr('by run', '按运行') }]} />
        {seesAll(who) && (
          <>
            <Select
              value={party} onChange={setParty} className="wide"
              options={[{ value: 'tenant', label: tr('Tenant', '租户') }, { value: 'owner', label: tr('Pool owner', '资源池所有者') }, { value: 'issuer', label: tr('Voucher issuer', '算力券发放方') }]}
            />
            <Input.Search defaultValue={name} onSearch={setName} enterButton={tr('Show', '查看')} className="wide" />
          </>
        )}
      </div>
      <Refused error={s.error} />
      {s.data && (
        <Table
          size="small" rowKey={(l) => `${l.at}/${l.run_id}/${l.pool}/${l.entry}/${l.note}`} dataSource={s.data.lines} scroll={{ x: 'max-content' }}
          columns={[
            { title: tr('When', '时间'), render: (_, l) => (by === 'day' ? day(l.at) : when(l.at)) },
            { title: tr('Entry', '类型'), render: (_, l) => entryText(l.entry) },
            { title: tr('Run', '运行'), render: (_, l) => l.run_id ?? (l.runs ? `× ${l.runs}` : '-') },
            { title: tr('Pool', '资源池'), render: (_, l) => l.pool ?? '-' },
            { title: tr('Chip', '芯片'), render: (_, l) => l.chip ?? '-' },
            { title: tr('In all', '合计'), align: 'right', render: (_, l) => yuan(l.total_micro) },
            { title: tr('Own money', '自付'), align: 'right', render: (_, l) => yuan(l.own_micro) },
            { title: tr('Vouchers', '算力券支付'), align: 'right', render: (_, l) => yuan(l.voucher_micro) },
            { title: tr('In', '收入'), align: 'right', render: (_, l) => yuan(l.in_micro) },
            { title: tr('Note', '备注'), render: (_, l) => l.note ?? '' },
          ]}
          summary={() => (
            <Table.Summary.Row data-testid="sum">
              <Table.Summary.Cell index={0} colSpan={5}><strong>{tr('Sum', '总计')}</strong></Table.Summary.Cell>
              {[s.data!.sum.total_micro, s.data!.sum.own_micro, s.data!.sum.voucher_micro, s.data!.sum.in_micro].map((m, i) => (
                <Table.Summary.Cell key={i} index={5 + i} align="right"><strong>{yuan(m)}</strong></Table.Summary.Cell>
              ))}
              <Table.Summary.Cell index={9} />
            </Table.Summary.Row>
          )}
        />
      )}
    </Card>
  );
}

export function MoneyPage({ who }: { who: Session }) {
  return (
    <>
      <BudgetCard who={who} />
      <StatementCard who={who} />
      <VouchersCard who={who} />
      <PricesCard who={who} />
    </>
  );
}
