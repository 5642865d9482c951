// console.tsx - the frame: what may be looked at by whom, and the page that the address names

import { Alert, App, Button, Dropdown, Layout, Menu, Tag } from 'antd';
import { type ReactNode, useEffect, useState } from 'react';

import { call, Refusal, refusalText, useGet } from './api';
import { type Lang, tr } from './lang';
import { LangSwitch } from './login';
import { AccountPage } from './pages/account';
import { AuditPage } from './pages/audit';
import { DatasetPage, DatasetsPage } from './pages/datasets';
import { MoneyPage } from './pages/money';
import { PeoplePage } from './pages/people';
import { PoolsPage } from './pages/pools';
import { TaskPage, TasksPage } from './pages/tasks';
import type { Node, Role, Session } from './types';
import { roleText } from './words';

interface Place {
  key: string;
  title: () => string;
  roles?: Role[];                 // any of these; none: everybody
  page: (who: Session, rest: string) => ReactNode;
}

// The API refuses whoever may not; a page that would be nothing but refusals is not offered.
const places: Place[] = [
  {
    key: 'tasks', title: () => tr('Tasks', '任务'),
    page: (who, id) => (id ? <TaskPage who={who} id={id} /> : <TasksPage who={who} />),
  },
  { key: 'pools', title: () => tr('Pools', '资源池'), page: (who) => <PoolsPage who={who} /> },
  {
    key: 'datasets', title: () => tr('Data sets', '数据集'),
    page: (who, name) => (name ? <DatasetPage name={name} /> : <DatasetsPage who={who} />),
  },
  { key: 'money', title: () => tr('Money and vouchers', '费用与算力券'), page: (who) => <MoneyPage who={who} /> },
  {
    key: 'people', title: () => tr('Tenants and accounts', '租户与账号'), roles: ['admin', 'security', 'auditor'],
    page: (who) => <PeoplePage who={who} />,
  },
  { key: 'audit', title: () => tr('Audit', '审计'), roles: ['auditor'], page: () => <AuditPage /> },
  { key: 'account', title: () => tr('My account', '我的账号'), page: (who) => <AccountPage who={who} /> },
];

function useHash(): string {
  const [hash, set] = useState(location.hash);

  useEffect(() => {
    const on = () => set(location.hash);
    addEventListener('hashchange', on);
    return () => removeEventListener('hashchange', on);
  }, []);
  return hash;
}

// What somebody typed behind the # need not be an escape.
function plain(s: string): string {
  try {
    return decodeURIComponent(s);
  } catch {
    return s;
  }
}

function Who({ who, onOut }: { who: Session; onOut: () => void }) {
  const { message } = App.useApp();
  const out = async () => {
    try {
      await call('DELETE', '/v1/session');
    } catch (e) {
      // Whoever goes away believing it would leave the session to the next one at this desk.
      if (!(e instanceof Refusal && e.status === 401)) {
        message.error(`${tr('You are still signed in', '尚未退出登录')}: ${refusalText(e)}`);
        return;
      }
    }
    location.hash = '';
    onOut();
  };

  return (
    <Dropdown menu={{ items: [{ key: 'out', label: tr('Sign out', '退出登录'), onClick: out }] }}>
      <Button type="text" data-testid="who">{who.user ?? who.name} · {who.tenant}</Button>
    </Dropdown>
  );
}

export function Console({ who, onOut, changeLang }: { who: Session; onOut: () => void; changeLang: (l: Lang) => void }) {
  const [, key = '', rest = ''] = /^#\/([a-z]*)\/?(.*)$/.exec(useHash()) ?? [];
  const mine = places.filter((p) => !p.roles || p.roles.some((r) => who.roles.includes(r)));
  const place = mine.find((p) => p.key === key) ?? mine[0];
  const node = useGet<Node>('/v1/node', 30);

  return (
    <Layout className="frame">
      <Layout.Sider breakpoint="lg" collapsedWidth={0}>
        <div className="brand">算路<small>Suanlu</small></div>
        <Menu
          theme="dark" selectedKeys={[place.key]} onClick={({ key: k }) => { location.hash = `#/${k}`; }}
          items={mine.map((p) => ({ key: p.key, label: p.title() }))}
        />
      </Layout.Sider>
      <Layout>
        <Layout.Header>
          <strong>{place.title()}</strong>
          <span className="grow" />
          {who.roles.map((r) => <Tag key={r}>{roleText(r)}</Tag>)}
          <LangSwitch change={changeLang} />
          <Who who={who} onOut={onOut} />
        </Layout.Header>
        <Layout.Content className="page">
          {node.data?.single_user && (
            <Alert
              type="info" showIcon className="gap"
              title={tr('One token joins all roles on this node, which is for trying things out. The first account separates them.',
                        '此节点由单个令牌兼任所有角色，仅供试用；建立首个账号后三员分立即生效。')}
            />
          )}
          <div key={`${place.key}/${rest}`}>{place.page(who, plain(rest))}</div>
        </Layout.Content>
      </Layout>
    </Layout>
  );
}
