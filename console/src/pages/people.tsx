// people.tsx - tenants with their limits, accounts with their roles, tokens of all

import { Alert, Card, Form, Input, InputNumber, Select, Space, Switch, Tag } from 'antd';
import { useState } from 'react';

import { type Pages, usePages } from '../api';
import { tr } from '../lang';
import { Ask, filled, List } from '../parts';
import type { Quota, Session, Tenant, Token, User } from '../types';
import { outOf, percent, roleNames, roleText, when } from '../words';

const isAdmin = (who: Session): boolean => who.roles.includes('admin');
const keeps = (who: Session): boolean => isAdmin(who) || who.roles.includes('security');

// One that is there cannot be taken away, which the node says; it is not passed over in silence.
const titled = (v: object, was: string): object => (was ? { ...filled(v), title: (v as { title?: string }).title ?? '' } : filled(v));

const roleOptions = () => roleNames.map((r) => ({ value: r, label: roleText(r) }));

function On({ disabled }: { disabled: boolean }) {
  return disabled ? <Tag color="error">{tr('shut', '已停用')}</Tag> : <Tag color="success">{tr('in use', '启用')}</Tag>;
}

function Tenants({ who }: { who: Session }) {
  const pages = usePages<Tenant>('/v1/tenants', 'tenants');
  const fresh = (v: object) => pages.send('POST', '/v1/tenants', filled(v));

  return (
    <Card
      title={tr('Tenants', '租户')}
      extra={isAdmin(who) && (
        <Ask button={tr('New tenant', '新租户')} title={tr('A tenant', '租户')} onGo={fresh}>
          <Form.Item name="name" label={tr('Name', '名称（小写字母、数字、连字符）')} rules={[{ required: true }]}><Input /></Form.Item>
          <Form.Item name="title" label={tr('Title', '全称')}><Input maxLength={127} /></Form.Item>
        </Ask>
      )}
    >
      <List
        pages={pages} id="name"
        columns={[
          { title: tr('Name', '名称'), dataIndex: 'name' },
          { title: tr('Title', '全称'), render: (_, t) => t.title || '-' },
          { title: tr('State', '状态'), render: (_, t) => <On disabled={t.disabled} /> },
          { title: tr('Since', '创建时间'), render: (_, t) => when(t.created) },
          {
            title: '',
            render: (_, t) => isAdmin(who) && (
              <Ask small button={tr('Change', '修改')} title={t.name} initial={{ title: t.title, disabled: t.disabled }}
                onGo={(v: object) => pages.send('POST', `/v1/tenants/${t.name}`, titled(v, t.title))}
              >
                <Form.Item name="title" label={tr('Title', '全称')}><Input maxLength={127} /></Form.Item>
                <Form.Item name="disabled" label={tr('Shut', '停用')} valuePropName="checked"><Switch /></Form.Item>
              </Ask>
            ),
          },
        ]}
      />
    </Card>
  );
}

function Quotas({ who }: { who: Session }) {
  const pages = usePages<Quota>('/v1/quotas', 'quotas');

  return (
    <Card title={tr('Quotas and fair shares', '配额与公平份额')}>
      <List
        pages={pages} id="tenant"
        columns={[
          { title: tr('Tenant', '租户'), dataIndex: 'tenant' },
          { title: tr('Running', '运行'), render: (_, q) => outOf(q.running, q.limits.running) },
          { title: tr('Waiting', '等待'), render: (_, q) => outOf(q.waiting, q.limits.waiting) },
          { title: tr('Accelerator hours this month', '本月卡时'), render: (_, q) => outOf(q.accelerator_hours, q.limits.accelerator_hours) },
          { title: tr('Weight', '权重'), render: (_, q) => q.limits.weight ?? 1 },
          { title: tr('Share used lately', '近期占用份额'), render: (_, q) => percent(q.usage_part) },
          {
            title: '',
            render: (_, q) => isAdmin(who) && (
              <Ask small button={tr('Change', '修改')} title={q.tenant} initial={q.limits}
                onGo={(v: object) => pages.send('POST', `/v1/quotas/${q.tenant}`, filled(v))}
              >
                <Form.Item name="running" label={tr('Running at once', '同时运行')}><InputNumber min={0} precision={0} /></Form.Item>
                <Form.Item name="waiting" label={tr('Waiting', '等待')}><InputNumber min={0} precision={0} /></Form.Item>
                <Form.Item name="accelerator_hours" label={tr('Accelerator hours a month', '每月卡时')}><InputNumber min={0} precision={0} /></Form.Item>
                <Form.Item name="weight" label={tr('Weight when pools are full', '资源紧张时的权重')}><InputNumber min={0.001} max={1000} /></Form.Item>
              </Ask>
            ),
          },
        ]}
      />
    </Card>
  );
}

// The password is shown once, here, and nowhere else again.
function Reset({ user, pages }: { user: User; pages: Pages<User> }) {
  const [once, setOnce] = useState<string>();

  return (
    <>
      <Ask small button={tr('New password', '重置密码')} title={tr(`A new password for ${user.name}?`, `重置 ${user.name} 的密码？`)}
        onGo={async () => setOnce((await pages.send<{ password: string }>('POST', `/v1/users/${user.name}/password`)).password)}
      />
      {once && <Alert type="success" closable title={tr('Good for one login:', '仅供一次登录：')} description={<span className="mono" data-testid="once">{once}</span>} />}
    </>
  );
}

function Users({ who }: { who: Session }) {
  const pages = usePages<User>('/v1/users', 'users');
  const fresh = (v: object) => pages.send('POST', '/v1/users', filled(v));

  return (
    <Card
      title={tr('Accounts', '账号')}
      extra={isAdmin(who) && (
        <Ask button={tr('New account', '新账号')} title={tr('An account', '账号')} onGo={fresh} initial={{ tenant: who.tenant, roles: ['user'] }}>
          <Form.Item name="name" label={tr('Name', '账号名')} rules={[{ required: true }]}><Input /></Form.Item>
          <Form.Item name="title" label={tr('Title', '姓名或用途')}><Input maxLength={127} /></Form.Item>
          <Form.Item name="tenant" label={tr('Tenant', '租户')} rules={[{ required: true }]}><Input /></Form.Item>
          <Form.Item name="roles" label={tr('Roles', '角色')} rules={[{ required: true }]}
            extra={tr('No account joins two of admin, security and auditor.', '三员分立：系统管理员、安全管理员、审计员不得由同一账号兼任。')}
          >
            <Select mode="multiple" options={roleOptions()} />
          </Form.Item>
        </Ask>
      )}
    >
      <List
        pages={pages} id="name"
        columns={[
          { title: tr('Name', '账号名'), dataIndex: 'name' },
          { title: tr('Title', '姓名或用途'), render: (_, u) => u.title || '-' },
          { title: tr('Tenant', '租户'), dataIndex: 'tenant' },
          { title: tr('Roles', '角色'), render: (_, u) => u.roles.map((r) => <Tag key={r}>{roleText(r)}</Tag>) },
          { title: tr('State', '状态'), render: (_, u) => <On disabled={u.disabled} /> },
          { title: tr('Since', '创建时间'), render: (_, u) => when(u.created) },
          {
            title: '',
            render: (_, u) => keeps(who) && (
              <Space>
                <Ask small button={tr('Change', '修改')} title={u.name} initial={{ roles: u.roles, title: u.title, disabled: u.disabled }}
                  onGo={(v: object) => pages.send('POST', `/v1/users/${u.name}`, titled(v, u.title))}
                >
                  <Form.Item name="title" label={tr('Title', '姓名或用途')}><Input maxLength={127} /></Form.Item>
                  <Form.Item name="roles" label={tr('Roles', '角色')}><Select mode="multiple" options={roleOptions()} /></Form.Item>
                  <Form.Item name="disabled" label={tr('Shut', '停用')} valuePropName="checked"><Switch /></Form.Item>
                </Ask>
                <Reset user={u} pages={pages} />
              </Space>
            ),
          },
        ]}
      />
    </Card>
  );
}

function Tokens({ who }: { who: Session }) {
  const pages = usePages<Token>('/v1/tokens', 'tokens');

  return (
    <Card title={tr('Tokens of all', '全部令牌')}>
      <TokenList pages={pages} revoke={keeps(who) ? '/v1/tokens' : null} />
    </Card>
  );
}

export function TokenList({ pages, revoke }: { pages: Pages<Token>; revoke: string | null }) {
  return (
    <List
      pages={pages} id="id"
      columns={[
        { title: tr('No.', '编号'), dataIndex: 'id' },
        { title: tr('Name', '名称'), dataIndex: 'name' },
        { title: tr('Of', '所属'), render: (_, t) => t.user ?? `${tr('machine', '机器')} · ${t.tenant}` },
        { title: tr('Roles', '角色'), render: (_, t) => t.roles.map(roleText).join(tr(', ', '、')) },
        { title: tr('Narrowed to', '范围'), render: (_, t) => [...(t.scopes ?? []), ...(t.pools ?? [])].join(' ') || tr('not', '不限') },
        { title: tr('Expires', '到期'), render: (_, t) => when(t.expires) },
        { title: tr('Last use', '最近使用'), render: (_, t) => when(t.used) },
        {
          title: '',
          render: (_, t) => (t.revoked ? <Tag>{tr('revoked', '已吊销')}</Tag> : revoke && (
            <Ask small danger button={tr('Revoke', '吊销')} title={tr(`Revoke token ${t.id}, ${t.name}?`, `吊销令牌 ${t.id}（${t.name}）？`)}
              onGo={() => pages.send('DELETE', `${revoke}/${t.id}`)}
            />
          )),
        },
      ]}
    />
  );
}

export function PeoplePage({ who }: { who: Session }) {
  return (
    <>
      <Users who={who} />
      <Tenants who={who} />
      <Quotas who={who} />
      <Tokens who={who} />
    </>
  );
}
