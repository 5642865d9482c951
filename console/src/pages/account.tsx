// account.tsx - who I am here, my password, my tokens

import { Alert, Card, DatePicker, Descriptions, Form, Input, Select } from 'antd';
import type { Dayjs } from 'dayjs';
import { useState } from 'react';

import { call, useGet, usePages } from '../api';
import { tr } from '../lang';
import { Ask, filled, Refused } from '../parts';
import type { Quota, Session, Token } from '../types';
import { percent, roleText, when } from '../words';
import { TokenList } from './people';

const scopes = ['tasks:read', 'tasks:write', 'pools:read', 'pools:write', 'data:read', 'data:write', 'identity:read',
  'identity:write', 'ledger:read', 'ledger:write', 'audit:read', 'audit:write', 'node:read', 'self'];

function Tokens() {
  const pages = usePages<Token>('/v1/session/tokens', 'tokens');
  const [made, setMade] = useState<string>();
  const fresh = async (v: { name: string; scopes?: string[]; expires?: Dayjs }) => {
    const t = await call<{ token: string }>('POST', '/v1/session/tokens',
      filled({ name: v.name, scopes: v.scopes?.length ? v.scopes : undefined, expires: v.expires?.toISOString() }));
    setMade(t.token);
    pages.reload();
  };

  return (
    <Card
      title={tr('My tokens', '我的令牌')}
      extra={
        <Ask button={tr('New token', '新令牌')} title={tr('A token for a program', '供程序使用的令牌')} onGo={fresh}>
          <Form.Item name="name" label={tr('Name', '名称')} rules={[{ required: true }]}><Input /></Form.Item>
          <Form.Item name="scopes" label={tr('Only for (none: all that I may)', '仅限用途（空为全部权限）')}>
            <Select mode="multiple" options={scopes.map((value) => ({ value, label: value }))} />
          </Form.Item>
          <Form.Item name="expires" label={tr('Expires', '到期时间')}><DatePicker showTime /></Form.Item>
        </Ask>
      }
    >
      {made && (
        <Alert type="success" closable className="gap" title={tr('Copy it now, it is not shown again:', '请立即复制，之后不再显示：')}
          description={<span className="mono" data-testid="token">{made}</span>}
        />
      )}
      <TokenList pages={pages} revoke="/v1/session/tokens" />
    </Card>
  );
}

export function AccountPage({ who }: { who: Session }) {
  const quota = useGet<Quota>('/v1/quota');
  const of = (n: number, max?: number) => (max === undefined ? String(n) : `${n} / ${max}`);

  return (
    <>
      <Card
        title={who.user ?? who.name}
        extra={who.user && (
          <Ask<{ old: string; new: string }> button={tr('Change my password', '修改密码')} title={tr('A new password', '新密码')}
            onGo={(v) => call('POST', '/v1/session/password', v)}
          >
            <Form.Item name="old" label={tr('The old one', '原密码')} rules={[{ required: true }]}><Input.Password autoComplete="current-password" /></Form.Item>
            <Form.Item name="new" label={tr('The new one', '新密码')} extra={tr('12 characters at least', '至少 12 个字符')} rules={[{ required: true, min: 12 }]}>
              <Input.Password autoComplete="new-password" />
            </Form.Item>
          </Ask>
        )}
      >
        <Descriptions
          column={{ xs: 1, md: 2 }} size="small"
          items={[
            { label: tr('Tenant', '租户'), children: who.tenant },
            { label: tr('Roles', '角色'), children: who.roles.map(roleText).join(tr(', ', '、')) },
            { label: tr('Signed in until', '登录有效期至'), children: when(who.expires) },
            { label: tr('By', '登录方式'), children: who.user ? (who.session ? tr('password', '密码') : tr('token', '令牌')) : who.name.includes('.') ? tr('provider', '身份提供方') : tr('token of a machine', '机器令牌') },
          ].map((x, key) => ({ key, ...x }))}
        />
      </Card>
      <Card title={tr('What my tenant may take', '本租户的配额')}>
        <Refused error={quota.error} />
        {quota.data && (
          <Descriptions
            column={{ xs: 1, md: 2 }} size="small"
            items={[
              { label: tr('Running', '运行'), children: of(quota.data.running, quota.data.limits.running) },
              { label: tr('Waiting', '等待'), children: of(quota.data.waiting, quota.data.limits.waiting) },
              { label: tr('Accelerator hours this month', '本月卡时'), children: of(quota.data.accelerator_hours, quota.data.limits.accelerator_hours) },
              { label: tr('Share used lately', '近期占用份额'), children: percent(quota.data.usage_part) },
            ].map((x, key) => ({ key, ...x }))}
          />
        )}
      </Card>
      {who.user && <Tokens />}
    </>
  );
}
