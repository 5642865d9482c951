// root.tsx - language, who is here, and what follows from it: the sign-in or the console

import { Alert, App as Antd, Button, ConfigProvider, Modal, Result, Spin } from 'antd';
import en from 'antd/locale/en_US';
import zh from 'antd/locale/zh_CN';
import { useCallback, useEffect, useState } from 'react';

import { call, Refusal, whenStranger } from './api';
import { Console } from './console';
import { type Lang, langNow, langSet, tr } from './lang';
import { Login } from './login';
import type { Session } from './types';

function Inside({ changeLang }: { changeLang: (l: Lang) => void }) {
  const [who, setWho] = useState<Session | null>();       // undefined: not asked yet
  const [error, setError] = useState<Refusal>();
  const [ended, setEnded] = useState(false);
  const look = useCallback(() => {
    setError(undefined);
    call<Session>('GET', '/v1/session').then((s) => { setWho(s); setEnded(false); }, (e: Refusal) => {
      if (e.status === 401) setWho(null);
      else setError(e);
    });
  }, []);

  useEffect(() => {
    whenStranger(() => setEnded(true));
    look();
  }, [look]);
  if (error) return <Result status="warning" title={tr('The console cannot begin', '控制台无法启动')} subTitle={error.text()} extra={<Button onClick={look}>{tr('Again', '重试')}</Button>} />;
  if (who === undefined) return <Spin fullscreen />;
  if (who === null) return <Login onIn={look} changeLang={changeLang} />;
  // Under a session that ended the page stays, with what was typed into it, for the same person.
  return (
    <>
      <Console key={`${who.tenant}/${who.user ?? who.name}`} who={who} onOut={() => setWho(null)} changeLang={changeLang} />
      <Modal open={ended} closable={false} footer={null} className="again" styles={{ mask: { background: '#f5f7fa' } }} zIndex={2000} width={400} destroyOnHidden>
        <Alert type="info" showIcon className="gap" title={tr('Your session is over. What you typed is kept.', '登录已过期，已填写的内容仍保留。')} />
        <Login onIn={look} changeLang={changeLang} />
      </Modal>
    </>
  );
}

export function Root() {
  const [lang, setLang] = useState<Lang>(langNow());
  const change = (l: Lang) => {
    langSet(l);
    setLang(l);
  };

  useEffect(() => {
    document.documentElement.lang = lang === 'zh' ? 'zh-CN' : 'en';
  }, [lang]);
  return (
    <ConfigProvider locale={lang === 'zh' ? zh : en} theme={{ zeroRuntime: true }}>
      <Antd>
        <Inside key={lang} changeLang={change} />
      </Antd>
    </ConfigProvider>
  );
}
