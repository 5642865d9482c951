// login.tsx - the ways in: a password, a provider of the city, a token; a first password is changed at once

import { Alert, Button, Card, Divider, Form, Input, Tabs, Typography } from 'antd';
import { useEffect, useState } from 'react';

import { call, refusalText } from './api';
import { type Lang, langNow, tr } from './lang';
import type { Login as Answer, Provider } from './types';

// Codes that GET /v1/session/callback sends the browser back with.
const failures: Record<string, readonly [en: string, zh: string]> = {
  denied: ['the provider did not let you in', '身份提供方未允许登录'],
  state: ['the login was begun elsewhere or too long ago; begin again', '登录请求不是由此浏览器发起，或已过期，请重新登录'],
  provider: ['the provider did not answer as it should', '身份提供方没有正确应答'],
  forbidden: ['the provider vouches for you, but you have no role or tenant here', '身份已确认，但您在此节点没有角色或租户'],
  large: ['the proof of the provider is too large for a browser', '身份提供方的凭证过大，浏览器无法保存'],
};

function failure(): string | null {
  const code = /[?&]error=([a-z]+)/.exec(location.hash)?.[1];
  if (!code) return null;
  const f = failures[code] ?? failures.provider;
  return tr(f[0], f[1]);
}

function Password({ onIn }: { onIn: (a: Answer, password: string) => void }) {
  const [error, setError] = useState<string>();
  const [busy, setBusy] = useState(false);
  const go = async (v: { user: string; password: string }) => {
    setBusy(true);
    try {
      onIn(await call<Answer>('POST', '/v1/session', { ...v, cookie: true }), v.password);
    } catch (e) {
      setError(refusalText(e));
      setBusy(false);
    }
  };

  return (
    <Form layout="vertical" onFinish={go} requiredMark={false}>
      <Form.Item name="user" label={tr('Name', '账号')} rules={[{ required: true }]}>
        <Input autoFocus autoComplete="username" />
      </Form.Item>
      <Form.Item name="password" label={tr('Password', '密码')} rules={[{ required: true }]}>
        <Input.Password autoComplete="current-password" />
      </Form.Item>
      {error && <Alert type="error" title={error} className="gap" />}
      <Button type="primary" htmlType="submit" block loading={busy}>{tr('Sign in', '登录')}</Button>
    </Form>
  );
}

function ByToken({ onIn }: { onIn: (a: Answer) => void }) {
  const [error, setError] = useState<string>();
  const go = async (v: { token: string }) => {
    try {
      onIn(await call<Answer>('POST', '/v1/session', { token: v.token.trim(), cookie: true }));
    } catch (e) {
      setError(refusalText(e));
    }
  };

  return (
    <Form layout="vertical" onFinish={go} requiredMark={false}>
      <Form.Item
        name="token"
        label={tr('Token', '令牌')}
        extra={tr('The first one lies in the file `token` of the state directory.', '首个令牌在状态目录的 token 文件中。')}
        rules={[{ required: true }]}
      >
        <Input.Password autoComplete="off" placeholder="sl_…" />
      </Form.Item>
      {error && <Alert type="error" title={error} className="gap" />}
      <Button type="primary" htmlType="submit" block>{tr('Sign in', '登录')}</Button>
    </Form>
  );
}

// Nothing else is allowed before a password that was good once is replaced.
function FirstPassword({ old, onDone }: { old: string; onDone: () => void }) {
  const [error, setError] = useState<string>();
  const go = async (v: { fresh: string }) => {
    try {
      await call('POST', '/v1/session/password', { old, new: v.fresh });
      onDone();
    } catch (e) {
      setError(refusalText(e));
    }
  };

  return (
    <Form layout="vertical" onFinish={go} requiredMark={false}>
      <Alert
        type="info" className="gap"
        title={tr('This password was good for one login. Choose one of your own.', '此密码仅供首次登录，请设置您自己的密码。')}
      />
      <Form.Item name="fresh" label={tr('New password', '新密码')} extra={tr('12 characters at least', '至少 12 个字符')} rules={[{ required: true, min: 12 }]}>
        <Input.Password autoFocus autoComplete="new-password" />
      </Form.Item>
      <Form.Item
        name="again" label={tr('Once more', '再次输入')} dependencies={['fresh']}
        rules={[({ getFieldValue }) => ({
          validator: async (_, v) => {
            if (v !== getFieldValue('fresh')) throw new Error(tr('the two differ', '两次输入不一致'));
          },
        })]}
      >
        <Input.Password autoComplete="new-password" />
      </Form.Item>
      {error && <Alert type="error" title={error} className="gap" />}
      <Button type="primary" htmlType="submit" block>{tr('Set it', '设置密码')}</Button>
    </Form>
  );
}

export function LangSwitch({ change }: { change: (l: Lang) => void }) {
  const other: Lang = langNow() === 'zh' ? 'en' : 'zh';

  return <Button type="text" onClick={() => change(other)}>{other === 'zh' ? '中文' : 'English'}</Button>;
}

export function Login({ onIn, changeLang }: { onIn: () => void; changeLang: (l: Lang) => void }) {
  const [providers, setProviders] = useState<Provider[]>([]);
  const [first, setFirst] = useState<string>();
  const why = failure();

  useEffect(() => {
    call<{ providers: Provider[] }>('GET', '/v1/session/providers').then((d) => setProviders(d.providers), () => {});
  }, []);
  const done = (a: Answer, password?: string) => {
    if (a.change_password && password) setFirst(password);
    else onIn();
  };

  return (
    <div className="login">
      <Card
        title={<Typography.Title level={3} className="bare">算路 Suanlu</Typography.Title>}
        extra={<LangSwitch change={changeLang} />}
      >
        {why && <Alert type="warning" title={why} className="gap" />}
        {first !== undefined ? <FirstPassword old={first} onDone={onIn} /> : (
          <>
            {providers.map((p) => (
              <Button key={p.name} href={`/v1/session/providers/${p.name}`} block size="large" className="gap">
                {tr(`Sign in with ${p.title ?? p.name}`, `通过${p.title_zh ?? p.title ?? p.name}登录`)}
              </Button>
            ))}
            {providers.length > 0 && <Divider plain>{tr('or', '或')}</Divider>}
            <Tabs
              items={[
                { key: 'password', label: tr('Password', '密码'), children: <Password onIn={done} /> },
                { key: 'token', label: tr('Token', '令牌'), children: <ByToken onIn={done} /> },
              ]}
            />
          </>
        )}
      </Card>
    </div>
  );
}
