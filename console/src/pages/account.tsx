// account.tsx - who I am here, my password, my tokens

import { Alert, Card, DatePicker, Form, Input, Select } from 'antd';
import type { Dayjs } from 'dayjs';
import { useState } from 'react';

import { call, useGet, usePages } from '../api';
import { tr } from '../lang';
import { Ask, Facts, filled, Refused } from '../parts';
import type { Quota, Session, Token } from '../types';
import { outOf, percent, roleText, when } from '../words';
import { TokenList } from './people';

const scopes = ['tasks:read', 'tasks:write', 'pools:read', 'pools:write', 'data:read', 'data:write', 'identity:read',
  'identity:write', 'ledger:read', 'ledger:write', 'audit:read', 'audit:write', 'node:read', 'self'];

function Tokens() {
  const pages = usePages<Token>('/v1/session/tokens', 'tokens');
  const [made, setMade] = useState<string>();
  const fresh = async (v: { name: string; scopes?: string[]; expires?: Dayjs }) => {
    const t = await pages.send<{ token: string }>('POST', '/v1/session/tokens',
      filled({ name: v.name, scopes: v.scopes?.length ? v.scopes : undefined, expires: v.expires?.toISOString() }));
    setMade(t.token);
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
        <Facts
          column={{ xs: 1, md: 2 }}
          items={[
            [tr('Tenant', '租户'), who.tenant],
            [tr('Roles', '角色'), who.roles.map(roleText).join(tr(', ', '、'))],
            [tr('Signed in until', '登录有效期至'), when(who.expires)],
            [tr('By', '登录方式'), who.user ? (who.session ? tr('password', '密码') : tr('token', '令牌')) : who.name.includes('.') ? tr('provider', '身份提供方') : tr('token of a machine', '机器令牌')],
          ]}
        />
      </Card>
      <Card title={tr('What my tenant may take', '本租户的配额')}>
        <Refused error={quota.error} />
        {quota.data && (
          <Facts
            column={{ xs: 1, md: 2 }}
            items={[
              [tr('Running', '运行'), outOf(quota.data.running, quota.data.limits.running)],
              [tr('Waiting', '等待'), outOf(quota.data.waiting, quota.data.limits.waiting)],
              [tr('Accelerator hours this month', '本月卡时'), outOf(quota.data.accelerator_hours, quota.data.limits.accelerator_hours)],
              [tr('Share used lately', '近期占用份额'), percent(quota.data.usage_part)],
            ]}
          />
        )}
      </Card>
      {who.user && <Tokens />}
    </>
  );
}
