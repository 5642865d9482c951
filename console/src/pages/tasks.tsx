// tasks.tsx - work: the list, one task with its reasons, and a form that says first where it would go

import { Alert, Button, Card, Form, Input, InputNumber, Modal, Select, Space, Table, Tag } from 'antd';
import { useEffect, useState } from 'react';

import { call, refusalText, tail, useGet, usePages } from '../api';
import { langNow, tr } from '../lang';
import { Ask, Facts, filled, List, Refused } from '../parts';
import type { Budget, Candidate, Decision, Quota, Reason, Run, Session, Task } from '../types';
import {
  endText, type Level, levels, levelText, outcomeText, outOf, ruleText, seconds, stateColour, stateNames, stateText, when, yuan,
} from '../words';

const said = (r: Reason | null): string => (r ? (langNow() === 'zh' ? r.text_zh : r.text) : '');

function State({ task }: { task: Task }) {
  return <Tag color={stateColour[task.state]}>{stateText(task.state)}</Tag>;
}

// ---- why: pools by rank, and each of the others with every rule against it ----

export function Why({ decision }: { decision: Decision }) {
  const could = decision.pools.filter((p) => p.rank);
  const others = decision.pools.filter((p) => !p.rank)
    .flatMap((p) => p.reasons.map((r, i) => ({ ...r, pool: i ? '' : p.pool, key: `${p.pool}/${i}` })));

  return (
    <div data-testid="why">
      <p>
        <strong>{outcomeText(decision.outcome)}</strong>
        {decision.pool && <> · {decision.pool}</>}
        {decision.reason && <> · {ruleText(decision.reason)}</>}
        <span className="muted"> · {when(decision.at)} · {tr('seed', '随机种子')} <span className="mono">{decision.seed}</span></span>
      </p>
      {could.length > 0 && (
        <Table<Candidate>
          size="small" pagination={false} rowKey="pool" dataSource={could} className="gap" scroll={{ x: 'max-content' }}
          columns={[
            { title: tr('Rank', '排名'), dataIndex: 'rank' },
            { title: tr('Pool', '资源池'), dataIndex: 'pool' },
            { title: tr('Room now', '现在有空'), render: (_, p) => (p.now ? tr('yes', '是') : tr('no', '否')) },
            { title: tr('Transfer', '传输'), render: (_, p) => seconds(p.terms?.transfer_s) },
            { title: tr('Wait p50 / p90', '等待 p50 / p90'), render: (_, p) => `${seconds(p.terms?.wait_p50_s)} / ${seconds(p.terms?.wait_p90_s)}` },
            { title: tr('Run p50 / p90', '运行 p50 / p90'), render: (_, p) => `${seconds(p.terms?.run_p50_s)} / ${seconds(p.terms?.run_p90_s)}` },
            { title: tr('Cost', '费用'), align: 'right', render: (_, p) => yuan(p.terms?.cost_micro) },
            { title: tr('Carbon', '碳排放'), align: 'right', render: (_, p) => `${((p.terms?.carbon_mg ?? 0) / 1000).toFixed(1)} g` },
            { title: tr('Score (lowest wins)', '得分（低者优先）'), align: 'right', render: (_, p) => yuan(p.terms?.score_micro) },
          ]}
        />
      )}
      {others.length > 0 && (
        <Table
          size="small" pagination={false} rowKey="key" dataSource={others} scroll={{ x: 'max-content' }}
          columns={[
            { title: tr('Refused', '未入选'), dataIndex: 'pool' },
            { title: tr('Rule', '规则'), render: (_, r) => ruleText(r.reason) },
            { title: tr('Needed', '要求'), dataIndex: 'need' },
            { title: tr('There', '实际'), dataIndex: 'have' },
          ]}
        />
      )}
    </div>
  );
}

// ---- a new task ----

interface Draft {
  name?: string;
  script: string;
  cpus?: number;
  memory_mb?: number;
  walltime_s?: number;
  data_level?: Level;
  stay_within?: string;
  budget?: number;
  prefer?: string;
}

function Left() {
  const quota = useGet<Quota>('/v1/quota').data;
  const budget = useGet<Budget>('/v1/budgets').data;

  if (!quota || !budget) return null;
  return (
    <Alert
      type="info" className="gap" data-testid="left"
      title={[
        tr('running', '运行') + ' ' + outOf(quota.running, quota.limits.running),
        tr('waiting', '等待') + ' ' + outOf(quota.waiting, quota.limits.waiting),
        tr('accelerator hours this month', '本月卡时') + ' ' + outOf(quota.accelerator_hours, quota.limits.accelerator_hours),
        budget.limited ? `${tr('budget left', '预算余额')} ${yuan(budget.available_micro)}` : tr('no budget limit', '不限预算'),
      ].join(' · ')}
    />
  );
}

function NewTask({ onDone }: { onDone: () => void }) {
  const [open, setOpen] = useState(false);
  const [error, setError] = useState<string>();
  const [decision, setDecision] = useState<Decision>();
  const [form] = Form.useForm<Draft>();
  const spec = async () => {
    const { budget, ...rest } = await form.validateFields();
    return filled({ ...rest, budget_micro: budget ? Math.round(budget * 1e6) : undefined });
  };
  const go = async (dry: boolean) => {
    setError(undefined);
    try {
      const body = await spec();
      if (dry) {
        setDecision(await call<Decision>('POST', '/v1/decisions', body));
        return;
      }
      const { id } = await call<{ id: string }>('POST', '/v1/tasks', body);
      setOpen(false);
      onDone();
      location.hash = `#/tasks/${id}`;
    } catch (e) {
      if (!(e as { errorFields?: unknown }).errorFields) setError(refusalText(e));
    }
  };

  return (
    <>
      <Button type="primary" onClick={() => { setDecision(undefined); setError(undefined); setOpen(true); }}>{tr('New task', '新任务')}</Button>
      <Modal
        open={open} width={860} title={tr('New task', '新任务')} onCancel={() => setOpen(false)} destroyOnHidden
        footer={[
          <Button key="dry" onClick={() => go(true)}>{tr('Where would it go?', '试算：会去哪里？')}</Button>,
          <Button key="go" type="primary" onClick={() => go(false)}>{tr('Submit', '提交')}</Button>,
        ]}
      >
        <Left />
        <Form<Draft> form={form} layout="vertical" preserve={false} initialValues={{ cpus: 1, memory_mb: 512, walltime_s: 3600, data_level: 1 }}>
          <Form.Item name="name" label={tr('Name', '名称')}><Input maxLength={128} /></Form.Item>
          <Form.Item name="script" label={tr('Script for /bin/sh', '脚本（/bin/sh）')} rules={[{ required: true }]}>
            <Input.TextArea rows={4} className="mono" />
          </Form.Item>
          <Space wrap align="start">
            <Form.Item name="cpus" label="CPU"><InputNumber min={0.001} max={4096} /></Form.Item>
            <Form.Item name="memory_mb" label={tr('Memory, MB', '内存 MB')}><InputNumber min={1} precision={0} /></Form.Item>
            <Form.Item name="walltime_s" label={tr('At most, s', '最长运行 秒')}><InputNumber min={1} max={2592000} precision={0} /></Form.Item>
            <Form.Item name="data_level" label={tr('Data level', '数据级别')}>
              <Select className="wide" options={levels.map((l) => ({ value: l, label: levelText(l) }))} />
            </Form.Item>
            <Form.Item name="stay_within" label={tr('Stay within', '不得离开区域')}><Input placeholder="cn/50" /></Form.Item>
            <Form.Item name="budget" label={tr('Budget, yuan', '预算 元')}><InputNumber min={0.000001} max={9e9} /></Form.Item>
            <Form.Item name="prefer" label={tr('Prefer', '偏好')}>
              <Select
                allowClear className="wide"
                options={[['fastest', '最快'], ['cheapest', '最省钱'], ['greenest', '最绿色'], ['balanced', '均衡']]
                  .map(([value, zh]) => ({ value, label: tr(value, zh) }))}
              />
            </Form.Item>
          </Space>
        </Form>
        {error && <Alert type="error" showIcon title={error} className="gap" />}
        {decision && <Why decision={decision} />}
      </Modal>
    </>
  );
}

// ---- the list ----

export function TasksPage({ who }: { who: Session }) {
  const [state, setState] = useState<string>();
  const pages = usePages<Task>(state ? `/v1/tasks?state=${state}` : '/v1/tasks', 'tasks', 'before');

  return (
    <Card>
      <div className="bar">
        {who.roles.includes('user') && <NewTask onDone={pages.reload} />}
        <Select
          allowClear placeholder={tr('Any state', '所有状态')} className="wide" onChange={setState}
          options={stateNames.map((s) => ({ value: s, label: stateText(s) }))}
        />
        <Button onClick={pages.reload}>{tr('Again', '刷新')}</Button>
      </div>
      <List
        pages={pages} id="id"
        columns={[
          { title: tr('Task', '任务'), render: (_, t) => <a href={`#/tasks/${t.id}`}>{t.id}</a> },
          { title: tr('Name', '名称'), dataIndex: 'name' },
          { title: tr('Tenant', '租户'), dataIndex: 'tenant' },
          { title: tr('State', '状态'), render: (_, t) => <State task={t} /> },
          { title: tr('Pool', '资源池'), render: (_, t) => t.pool ?? '-' },
          { title: tr('Waited', '等待'), align: 'right', render: (_, t) => seconds(t.wait_s) },
          { title: tr('Ran', '运行'), align: 'right', render: (_, t) => seconds(t.run_s) },
          { title: tr('Cost', '费用'), align: 'right', render: (_, t) => yuan(t.cost_micro) },
          { title: tr('Submitted', '提交时间'), render: (_, t) => when(t.submitted_at) },
        ]}
      />
    </Card>
  );
}

// ---- one task ----

const over = (t: Task): boolean => ['done', 'failed', 'cancelled', 'refused'].includes(t.state);

function Log({ id, stream, live, turn }: { id: string; stream: string; live: boolean; turn: string }) {
  const [out, setOut] = useState({ text: '', cut: false });

  useEffect(() => {
    let here = true;
    let timer: ReturnType<typeof setTimeout>;
    const look = () => tail(`/v1/tasks/${id}/logs?stream=${stream}`, 65536)
      .then((piece) => here && setOut(piece), (e) => here && setOut({ text: refusalText(e), cut: false }))
      .finally(() => {
        if (here && live) timer = setTimeout(look, 5000);
      });
    void look();
    return () => {
      here = false;
      clearTimeout(timer);
    };
  }, [id, stream, live, turn]);
  return (
    <>
      {out.cut && <div className="muted">{tr(`The end of it; all: suanlu logs ${id}`, `仅显示末尾；完整内容：suanlu logs ${id}`)}</div>}
      <pre className="log" data-testid={stream}>{out.text || tr('(nothing)', '（无）')}</pre>
    </>
  );
}

export function TaskPage({ who, id: typed }: { who: Session; id: string }) {
  const id = encodeURIComponent(typed);
  const task = useGet<Task>(`/v1/tasks/${id}`, 2);
  const decisions = useGet<{ decisions: (Decision & { seq: number | null })[] }>(`/v1/tasks/${id}/decisions?limit=100`, 5);
  const runs = useGet<{ runs: Run[] }>(`/v1/tasks/${id}/runs`, 5);
  const t = task.data;
  const last = decisions.data?.decisions.at(-1);

  if (!t) return <Card loading={task.loading}><Refused error={task.error} /></Card>;
  return (
    <>
      <Card
        title={`${tr('Task', '任务')} ${t.id} · ${t.name}`}
        extra={
          <Space>
            <a href="#/tasks">{tr('All tasks', '所有任务')}</a>
            {!over(t) && who.roles.some((r) => r === 'user' || r === 'operator') && (
              <Ask danger button={tr('Cancel it', '取消任务')} title={tr('Cancel this task?', '取消此任务？')}
                onGo={() => task.send('POST', `/v1/tasks/${id}/cancel`)} />
            )}
          </Space>
        }
      >
        <Facts
          column={{ xs: 1, md: 2, xl: 3 }}
          items={[
            [tr('State', '状态'), <><State task={t} />{said(t.reason)}</>],
            [tr('Pool', '资源池'), t.pool ?? '-'],
            [tr('Tenant, owner', '租户、提交者'), `${t.tenant}, ${t.owner}`],
            [tr('Data level', '数据级别'), levelText(t.spec?.data_level as Level)],
            [tr('Submitted', '提交时间'), when(t.submitted_at)],
            [tr('Waited, ran', '等待、运行'), `${seconds(t.wait_s)}, ${seconds(t.run_s)}`],
            [tr('Cost', '费用'), yuan(t.cost_micro)],
            [tr('Energy, carbon', '能耗、碳排放'), `${(t.energy_j / 3.6e6).toFixed(4)} kWh, ${(t.carbon_mg / 1000).toFixed(1)} g`],
            [tr('Exit code', '退出码'), t.exit_code ?? '-'],
          ]}
        />
      </Card>
      <Card title={tr('Why', '为什么')}>
        <Refused error={decisions.error} />
        {last ? <Why decision={last} /> : !decisions.loading && tr('No decision yet', '尚无决策')}
      </Card>
      <Card title={tr('Runs', '运行记录')}>
        <Table<Run>
          size="small" pagination={false} rowKey="attempt" dataSource={runs.data?.runs ?? []} scroll={{ x: 'max-content' }}
          columns={[
            { title: tr('Attempt', '次数'), dataIndex: 'attempt' },
            { title: tr('Pool', '资源池'), dataIndex: 'pool' },
            { title: tr('Started', '开始'), render: (_, r) => when(r.started_at) },
            { title: tr('Ended', '结束'), render: (_, r) => when(r.ended_at) },
            { title: tr('How', '方式'), render: (_, r) => `${endText(r.end)}${r.exit_code === null ? '' : ` ${r.exit_code}`}` },
            { title: tr('Cost', '费用'), align: 'right', render: (_, r) => yuan(r.cost_micro) },
          ]}
        />
      </Card>
      {t.attempt > 0 && (
        <Card title={tr('What it wrote', '输出日志')}>
          {['stdout', 'stderr'].map((s) => (
            <div key={s} className="gap"><div className="muted">{s}</div><Log id={id} stream={s} live={!over(t)} turn={t.state} /></div>
          ))}
        </Card>
      )}
    </>
  );
}
